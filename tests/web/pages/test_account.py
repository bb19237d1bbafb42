import re
from threading import BoundedSemaphore

import pytest

from models.enums import Role
from models.users import passwords, sessions
from models.users import repository as users
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
from tests.factories import NOW
from tests.web.conftest import Web
from tests.web.http_browser import Browser
from tests.web.users import EMAIL, PASSWORD, signed_in_browser
from worker.container import Container, clock

ANOTHER = "another horse battery"

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def browser(web: Web, container: Container) -> Browser:
    return signed_in_browser(web.url, container, Role.VIEWER)


def change(browser: Browser, *, present: str = PASSWORD, password: str = ANOTHER, again: str = ANOTHER) -> str:
    """Change the password, and return the text of the next page."""
    entered = {"present": present, "password": password, "again": again}
    response = browser.ask(
        "POST", "/account/password", data={"csrf": browser.form("/account/password"), **entered}
    )
    page = browser.ask("GET", response.headers["Location"]) if response.status_code == 303 else response
    return page.text


def test_users_who_enter_their_current_password_can_change_it(browser: Browser) -> None:
    elsewhere = Browser(browser.url)
    elsewhere.sign_in(EMAIL, PASSWORD)
    assert "Password changed." in change(browser)
    assert elsewhere.ask("GET", "/account").status_code == 303
    assert elsewhere.sign_in(EMAIL, PASSWORD).status_code == 403
    assert elsewhere.sign_in(EMAIL, ANOTHER).status_code == 303


def test_invalid_input_is_shown_and_changes_nothing(browser: Browser) -> None:
    assert "Incorrect current password." in change(browser, present="guess")
    assert "The passwords don't match." in change(browser, again="typed wrong")
    assert "Passwords must have 15 to 200 characters." in change(browser, password="short", again="short")
    assert Browser(browser.url).sign_in(EMAIL, PASSWORD).status_code == 303


def test_the_current_password_cannot_be_chosen_again(browser: Browser) -> None:
    assert "Choose a password different from your current one." in change(
        browser, password=PASSWORD, again=PASSWORD
    )


def test_a_temporary_password_must_be_changed_first(browser: Browser, container: Container) -> None:
    user = users.get_by_email(container.database, EMAIL)
    users.set_password(container.database, user.id, "given by telephone", actor="eva@example.com", now=NOW)
    signed_in = browser.sign_in(EMAIL, "given by telephone", path="/sign-in?next=/records%3Fstate%3Dqueued")
    assert signed_in.headers["Location"] == "/records?state=queued"
    for method, path in (
        ("GET", "/records?state=queued"),
        ("GET", "/account"),
        ("POST", "/account/sessions/end-others"),
    ):
        kept_away = browser.ask(method, path)
        assert (kept_away.status_code, kept_away.headers["Location"].partition("?")[0]) == (
            303,
            "/account/password",
        )
    page = browser.ask("GET", "/records?state=queued").headers["Location"]
    assert "Choose your own password" in browser.ask("GET", page).text
    assert 'href="/records"' not in browser.ask("GET", page).text
    entered = {"present": "given by telephone", "password": ANOTHER, "again": ANOTHER}
    response = browser.ask("POST", page, data={"csrf": browser.form(page), **entered})
    assert response.headers["Location"] == "/records?state=queued"
    assert browser.ask("GET", "/records?state=queued").status_code == 200
    assert not users.get(container.database, user.id).password_is_temporary


def test_sessions_are_listed_with_their_device_and_ended_singly_or_together(browser: Browser, web: Web) -> None:
    elsewhere, phone = Browser(web.url), Browser(web.url)
    for other, agent in ((elsewhere, FIREFOX), (phone, SAFARI)):
        other.headers["User-Agent"] = agent
        other.sign_in(EMAIL, PASSWORD)
    page = browser.ask("GET", "/account").text
    assert [device in page for device in ("Firefox, Windows", "Safari, iPhone", "Unknown device")] == [True] * 3
    assert page.count(">this device<") == 1
    ((number, _),) = re.findall(
        r'name="session" value="(\d+)">End session<span class="hidden"> (Firefox, Windows)', page
    )
    data = {"csrf": browser.form("/account"), "session": number}
    assert browser.ask("POST", "/account/sessions/end", data=data).status_code == 303
    assert [each.ask("GET", "/account").status_code for each in (browser, elsewhere, phone)] == [200, 303, 200]
    browser.ask("POST", "/account/sessions/end-others", data=data)
    assert [each.ask("GET", "/account").status_code for each in (browser, elsewhere, phone)] == [200, 303, 303]


def test_users_cannot_end_other_users_sessions(browser: Browser, web: Web, container: Container) -> None:
    other = web.as_(Role.VIEWER)
    (theirs,) = sessions.of_user(container.database, users.get_by_email(container.database, EMAIL), now=clock())
    assert other.post("/account/sessions/end", session=str(theirs.id)).status_code == 303
    for nonsense in ("x", "9" * 19, ""):
        assert other.post("/account/sessions/end", session=nonsense).status_code == 400
    assert browser.ask("GET", "/account").status_code == 200


def test_guesses_of_the_current_password_are_limited_too(browser: Browser) -> None:
    for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS):
        change(browser, present="guess")
    assert "Too many attempts." in change(browser)


def test_the_pages_are_in_the_chosen_language(browser: Browser) -> None:
    data = {"csrf": browser.form("/account"), "language": "nb"}
    assert browser.ask("POST", "/account/language", data=data).status_code == 303
    assert '<html lang="nb">' in browser.ask("GET", "/account").text
    browser.ask("POST", "/account/language", data=data | {"language": "xx"})
    assert '<html lang="nb">' in browser.ask("GET", "/account").text


def test_users_of_an_organization_have_no_password_to_change(web: Web) -> None:
    for address in ("/account", "/account/password"):
        page = web.as_(Role.VIEWER).get(address).text
        assert "so you don't have a password here" in page
        assert 'type="password"' not in page


def test_too_many_passwords_at_once_are_turned_away_and_change_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_waiting", BoundedSemaphore(1))
    with passwords._turn():  # noqa: SLF001 - another user's
        entered = {"present": PASSWORD, "password": ANOTHER, "again": ANOTHER}
        response = browser.ask(
            "POST", "/account/password", data={"csrf": browser.form("/account/password"), **entered}
        )
        refused = Browser(browser.url).sign_in(EMAIL, PASSWORD)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "30")
    assert "Too many requests" in response.text
    assert refused.status_code == 429
    assert Browser(browser.url).sign_in(EMAIL, PASSWORD).status_code == 303
