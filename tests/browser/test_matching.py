from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from i18n.catalog import Language, translations
from local import demo_user
from models.enums import Role
from tests.browser.filled import PASSWORD, add_user
from tests.browser.person import DESKTOP, PHONE, Person
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem

NAME = "Bakkehaugen borettslag"
ADDRESSES = "post@bakkehaugen.example.com", "styret@bakkehaugen.example.com"


@pytest.mark.parametrize(
    ("language", "window", "script"),
    [(Language.ENGLISH, DESKTOP, True), (Language.NORWEGIAN, PHONE, False)],
    ids=["in English, wide, by keyboard", "in Norwegian, on a phone, without JavaScript"],
)
def test_a_customer_is_matched_after_confirmation_and_the_match_is_undone(
    one_system: RunningSystem,
    firm: Firm,
    sit_down: Callable[..., Person],
    language: Language,
    window: dict[str, int],
    *,
    script: bool,
) -> None:
    say = translations(language).gettext
    firm.connect()
    for address in ADDRESSES:
        there = {"name": NAME, "email": address}
        firm.control("twentyfour", "POST", f"books/{firm.client}/customers", there)
    first, second = (each["number"] for each in firm.records("customers")[-2:])
    firm.enter("customers", name=NAME)
    person = sit_down(viewport=window, java_script_enabled=script)
    email = f"matches-{firm.company}@example.com"
    add_user(one_system, email, role=Role.OPERATOR, language=language)
    person.sign_in(email, PASSWORD, path=f"/records?company=Firm+{firm.company}&state=needs_attention")
    page = person.page
    person.reload_until(page.get_by_role("link", name=NAME))
    page.get_by_role("link", name=NAME).first.click()

    def press(name: str, role: str = "link") -> None:
        if script:
            person.tab_to(name)
            person.press_enter()
        else:
            page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]  # one of two

    question = page.get_by_role("heading", name=say("Which customer in 24SevenOffice is this?"))
    expect(question).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=ADDRESSES[1])).to_contain_text(say("Same as in Moment"))
    press(say("Match with %(number)s") % {"number": second})
    expect(page.get_by_role("heading", name=say("What will happen"))).to_be_visible()
    press(say("Match"), role="button")
    expect(page.get_by_role("status")).to_contain_text(say("The match is saved. The record is being synced."))

    def matched() -> None:
        demo_user.expect("Moment's number", str(firm.moment("customers")[0].get("customerNumber")), str(second))

    demo_user.eventually(matched)
    person.reload_until(page.get_by_role("button", name=f"{say('Undo')} {say('the match')}"))
    press(f"{say('Undo')} {say('the match')}", role="button")
    expect(question).to_be_visible()
    press(say("Match with %(number)s") % {"number": first})
    press(say("Match"), role="button")
    second = first
    demo_user.eventually(matched)
