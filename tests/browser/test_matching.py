from collections.abc import Callable

from playwright.sync_api import expect

from i18n.catalog import translations
from local import demo_user
from models.enums import Role
from tests.browser.browser_user import Person, Variant, in_both_variants
from tests.journeys.firm import Firm

NAME = "Bakkehaugen borettslag"
ADDRESSES = "post@bakkehaugen.example.com", "styret@bakkehaugen.example.com"


@in_both_variants
def test_a_customer_is_matched_after_confirmation_and_the_match_is_undone(
    firm: Firm, visit: Callable[..., Person], variant: Variant
) -> None:
    say = translations(variant.language).gettext
    firm.connect()
    for address in ADDRESSES:
        there = {"name": NAME, "email": address}
        firm.control("twentyfour", "POST", f"books/{firm.client}/customers", there)
    first, second = (each["number"] for each in firm.records("customers")[-2:])
    firm.enter("customers", name=NAME)
    stuck = f"/records?company=Firm+{firm.company}&state=needs_attention"
    person = visit(stuck, variant=variant, role=Role.OPERATOR)
    page = person.page
    person.reload_until(page.get_by_role("link", name=NAME))
    page.get_by_role("link", name=NAME).first.click()

    def press(name: str, role: str = "link") -> None:
        if variant.script:  # by keyboard
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
    demo_user.eventually(
        lambda: demo_user.expect("pending jobs", firm.pending_jobs(), [])
    )  # a running job refuses an undo
    person.reload_until(page.get_by_role("button", name=f"{say('Undo')} {say('the match')}"))
    press(f"{say('Undo')} {say('the match')}", role="button")
    expect(question).to_be_visible()
    press(say("Match with %(number)s") % {"number": first})
    press(say("Match"), role="button")
    second = first
    demo_user.eventually(matched)
