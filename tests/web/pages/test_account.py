from threading import BoundedSemaphore

import pytest

from i18n.catalog import Language
from models.enums import Role, Scope
from models.users import passwords
from models.users import repository as users
from models.users.repository import Rights
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
from tests.factories import NOW
from tests.web.conftest import Web
from tests.web.http_browser import Browser
from worker.container import Container

EMAIL, PASSWORD, ANOTHER = "anna@example.com", "correct horse battery", "another horse battery"


@pytest.fixture
def browser(web: Web, container: Container) -> Browser:
    rights = Rights(Role.VIEWER, Scope())
    user = users.add(container.database, EMAIL, rights, password=PASSWORD, actor="test", now=NOW)
    users.set_language(container.database, user.id, Language.ENGLISH)
    browser = Browser(web.url)
    browser.sign_in(EMAIL, PASSWORD)
    return browser


def change(browser: Browser, *, present: str = PASSWORD, password: str = ANOTHER, again: str = ANOTHER) -> str:
    """Change the password, and return what the next page says."""
    entered = {"present": present, "password": password, "again": again}
    answer = browser.ask("POST", "/account/password", data={"csrf": browser.form("/account"), **entered})
    page = browser.ask("GET", answer.headers["Location"]) if answer.status_code == 303 else answer
    return page.text


def test_the_own_password_is_changed_by_whoever_knows_the_present_one(browser: Browser) -> None:
    elsewhere = Browser(browser.url)
    elsewhere.sign_in(EMAIL, PASSWORD)
    assert "The new password holds from now on." in change(browser)
    assert elsewhere.ask("GET", "/account").status_code == 303
    assert elsewhere.sign_in(EMAIL, PASSWORD).status_code == 403
    assert elsewhere.sign_in(EMAIL, ANOTHER).status_code == 303


def test_what_does_not_fit_is_shown_and_changes_nothing(browser: Browser) -> None:
    assert "This is not your present password." in change(browser, present="guess")
    assert "This is not the same password as above." in change(browser, again="typed wrong")
    assert "A password has 15 to 200 characters." in change(browser, password="short", again="short")
    assert Browser(browser.url).sign_in(EMAIL, PASSWORD).status_code == 303


def test_the_present_password_cannot_be_guessed_there_either(browser: Browser) -> None:
    for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS):
        change(browser, present="guess")
    assert "Too many attempts." in change(browser)


def test_the_pages_speak_the_language_that_was_chosen(browser: Browser) -> None:
    data = {"csrf": browser.form("/account"), "language": "nb"}
    assert browser.ask("POST", "/account/language", data=data).status_code == 303
    assert '<html lang="nb">' in browser.ask("GET", "/account").text
    browser.ask("POST", "/account/language", data=data | {"language": "xx"})
    assert '<html lang="nb">' in browser.ask("GET", "/account").text


def test_whoever_signs_in_by_their_organization_has_no_password_to_change(web: Web) -> None:
    page = web.as_(Role.VIEWER).get("/account").text
    assert "and have no password here" in page
    assert 'type="password"' not in page


def test_too_many_passwords_at_once_are_turned_away_and_change_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_in_line", BoundedSemaphore(1))
    with passwords._turn():  # noqa: SLF001 - somebody else's
        entered = {"present": PASSWORD, "password": ANOTHER, "again": ANOTHER}
        answer = browser.ask("POST", "/account/password", data={"csrf": browser.form("/account"), **entered})
        refused = Browser(browser.url).sign_in(EMAIL, PASSWORD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert "Too much at once" in answer.text
    assert refused.status_code == 429
    assert Browser(browser.url).sign_in(EMAIL, PASSWORD).status_code == 303
