from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from i18n.catalog import Language
from tests.browser.browser_user import Person
from tests.browser.filled_system import PASSWORD, add_user
from tests.journeys.running_system import RunningSystem

SIGN_IN = "Sign in"


def test_signing_in_leads_to_the_requested_page(
    one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    add_user(one_system, "asks@example.com")
    person = sit_down()
    person.sign_in("asks@example.com", PASSWORD, path="/records?state=needs_attention")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Activity")
    assert person.page.url == f"{person.url}/records?state=needs_attention"


def test_a_wrong_password_is_refused_with_a_message(
    one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    add_user(one_system, "errs@example.com")
    person = sit_down()
    person.sign_in("errs@example.com", "wrong horse battery")
    expect(person.page.get_by_role("alert").get_by_role("link")).to_have_text("Incorrect email or password.")
    expect(person.page.get_by_label("Email")).to_have_value("errs@example.com")
    expect(person.page.get_by_label("Password")).to_have_value("")
    person.open("/records")
    expect(person.page.get_by_role("heading", level=1)).to_have_text(SIGN_IN)


def test_after_signing_out_nothing_can_be_seen(one_system: RunningSystem, sit_down: Callable[..., Person]) -> None:
    add_user(one_system, "leaves@example.com")
    person = sit_down()
    person.sign_in("leaves@example.com", PASSWORD)
    person.page.get_by_role("link", name="Connections", exact=True).click()
    person.page.get_by_role("button", name="Sign out").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text(SIGN_IN)
    person.page.go_back()
    expect(person.page.get_by_role("heading", level=1)).to_have_text(SIGN_IN)


def test_a_refreshing_page_says_that_the_session_has_ended_and_stops(
    one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    add_user(one_system, "stays@example.com")
    person = sit_down()
    person.page.clock.install()
    person.sign_in("stays@example.com", PASSWORD)
    person.context.clear_cookies()
    person.page.clock.run_for(15_000)
    notice = person.page.get_by_role("alert")
    expect(notice).to_contain_text("You have been signed out.")
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    person.page.clock.run_for(60_000)
    notice.get_by_role("link", name=SIGN_IN).click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text(SIGN_IN)
    assert asked[0] == f"{person.url}/sign-in"


@pytest.mark.parametrize(("locale", "lang"), [("nb-NO", "nb"), ("nn-NO", "nb"), ("en-GB", "en"), ("de-DE", "nb")])
def test_unknown_visitors_see_the_language_of_their_browser(
    locale: str, lang: str, sit_down: Callable[..., Person]
) -> None:
    person = sit_down(locale=locale)
    person.open("/sign-in")
    expect(person.page.locator("html")).to_have_attribute("lang", lang)
    expect(person.page.get_by_role("heading", level=1)).to_have_text({"nb": "Logg inn", "en": SIGN_IN}[lang])


def test_the_language_is_switched_on_the_account_page_and_stays(
    one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    add_user(one_system, "ola@example.com", language=Language.NORWEGIAN)
    person = sit_down()
    person.sign_in("ola@example.com", PASSWORD)
    expect(person.page.locator("html")).to_have_attribute("lang", "nb")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Oversikt")
    person.page.get_by_role("link", name="ola@example.com").click()
    person.page.locator("select[name=language]").select_option("English")
    person.page.get_by_role("button", name="Lagre").click()
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Your account")
    expect(person.page.locator("html")).to_have_attribute("lang", "en")
    again = sit_down(locale="nb-NO")
    again.sign_in("ola@example.com", PASSWORD)
    expect(again.page.get_by_role("heading", level=1)).to_have_text("Overview")
