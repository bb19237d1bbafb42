import re
from datetime import timedelta

import pytest
import requests
from pyotp import TOTP

from i18n.catalog import Language
from i18n.messages import translate
from models.admin import audit_log
from models.connections import alert_outbox
from models.enums import Role, Scope
from models.users import repository as users
from models.users import second_factor, sessions
from models.users.proofs import OutdatedProofError
from tests.factories import NOW
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import serving
from tests.web.conftest import Web
from tests.web.http_browser import Browser
from tests.web.users import EMAIL, PASSWORD, add_user, signed_in_browser
from web.app import create_app
from worker.container import Container, clock

PAGE = "/account/second-factor"


def shown_secret(page: requests.Response) -> str:
    found = re.search(r"Or enter this key: <code>([A-Z2-7 ]+)</code>", page.text)
    assert found
    return found[1].replace(" ", "")


def set_up(browser: Browser, *, code: str = "", path: str = PAGE) -> tuple[requests.Response, str]:
    """Set up a factor on its page, with the app's code or another; return the response and the secret."""
    page = browser.ask("GET", path)
    secret, offered = shown_secret(page), re.search(r'name="offered" value="([^"]+)"', page.text)
    assert offered
    data = {"csrf": browser.form(path), "offered": offered[1], "code": code or TOTP(secret).at(clock())}
    return browser.ask("POST", path, data=data), secret


def enter(browser: Browser, code: str, *, path: str = "/sign-in/code") -> requests.Response:
    return browser.ask("POST", path, data={"csrf": browser.form(path), "code": code})


@pytest.fixture
def browser(web: Web, container: Container) -> Browser:
    return signed_in_browser(web.url, container)


def test_a_factor_is_set_up_and_required_from_then_on(browser: Browser) -> None:
    wrong, _ = set_up(browser, code="000000")
    assert (wrong.status_code, "Incorrect code." in wrong.text) == (422, True)
    answer, secret = set_up(browser)
    codes = re.findall(r"<code>([a-z2-7-]{27})</code>", answer.text)
    assert len(codes) == 10
    assert "10 recovery codes left." in browser.ask("GET", PAGE).text
    elsewhere = Browser(browser.url)
    asked = elsewhere.sign_in(EMAIL, PASSWORD, path="/sign-in?next=/records")
    assert asked.headers["Location"] == "/sign-in/code?next=/records"
    assert elsewhere.ask("GET", "/records").headers["Location"] == "/sign-in?next=/records"
    assert enter(elsewhere, "000000").status_code == 403
    before = dict(elsewhere.cookies)
    there = enter(elsewhere, TOTP(secret).at(clock() + timedelta(seconds=30)), path="/sign-in/code?next=/records")
    assert there.headers["Location"] == "/records"
    assert elsewhere.ask("GET", "/records").status_code == 200
    elsewhere.cookies = before
    assert elsewhere.ask("GET", "/sign-in/code").headers["Location"] == "/sign-in"
    phoneless = Browser(browser.url)
    phoneless.sign_in(EMAIL, PASSWORD)
    assert enter(phoneless, codes[0]).headers["Location"] == "/"


def test_changes_of_a_factor_are_logged_and_mailed(browser: Browser, container: Container) -> None:
    set_up(browser)
    other = Browser(browser.url)
    other.sign_in(EMAIL, PASSWORD)
    enter(other, "000000")
    data = {"csrf": browser.form(PAGE)}
    browser.ask("POST", f"{PAGE}/recovery-codes", data=data)
    browser.ask("POST", f"{PAGE}/remove", data=data)
    noted = audit_log.page(container.database, Scope(), users=True).lines
    assert [translate(entry.action, Language.ENGLISH) for entry in noted if entry.actor == EMAIL] == [
        "Removed their second factor",
        "Generated new recovery codes",
        "Sign-in rejected: incorrect code",
        "Set up a second factor",
        "Signed in with an unknown device",
    ]
    alerts = alert_outbox.pending_alerts(container.database, EMAIL)
    assert [str(alert.title) for alert in alerts] == [
        "New sign-in to your account",
        "Second factor added to your account",
        "Second factor removed from your account",
    ]


def test_the_qr_code_needs_nothing_that_the_policy_forbids(browser: Browser) -> None:
    page = browser.ask("GET", PAGE).text
    assert "<svg" in page
    assert "style=" not in page
    assert "data:" not in page


def test_new_recovery_codes_end_the_old_ones_and_a_factor_is_removed(
    browser: Browser, container: Container
) -> None:
    old, _ = set_up(browser)
    data = {"csrf": browser.form(PAGE)}
    new = browser.ask("POST", f"{PAGE}/recovery-codes", data=data)
    first, second = (re.findall(r"<code>([a-z2-7-]{27})</code>", page.text) for page in (old, new))
    assert not {*first} & {*second}
    assert browser.ask("POST", f"{PAGE}/remove", data=data).status_code == 303
    assert "with your password only" in browser.ask("GET", PAGE).text
    assert browser.ask("POST", f"{PAGE}/recovery-codes", data=data).status_code == 404
    assert Browser(browser.url).sign_in(EMAIL, PASSWORD).headers["Location"] == "/"
    assert not users.get_by_email(container.database, EMAIL).has_factor


def test_a_missing_factor_cannot_be_removed_and_is_not_reported(
    browser: Browser, container: Container, web: Web
) -> None:
    eva, anna = web.as_(Role.ADMINISTRATOR), users.get_by_email(container.database, EMAIL)
    entries = audit_log.page(container.database, Scope(), users=True)
    assert browser.ask("POST", f"{PAGE}/remove", data={"csrf": browser.form(PAGE)}).status_code == 404
    assert eva.post(f"/users/{anna.id}/reset-factor").status_code == 404
    second_factor.reset(container.database, anna.id, actor="test", now=NOW)
    (session,) = sessions.of_user(container.database, anna, now=clock())
    second_factor.remove(container.database, anna, session_id=session.id, now=NOW)
    assert audit_log.page(container.database, Scope(), users=True) == entries
    alerts = alert_outbox.pending_alerts(container.database, EMAIL)
    assert [str(alert.title) for alert in alerts] == ["New sign-in to your account"]
    with pytest.raises(OutdatedProofError):
        second_factor.new_recovery_codes(container.database, anna, session_id=session.id, now=NOW)


def test_a_foreign_or_late_code_form_signs_no_one_in(
    browser: Browser, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = set_up(browser)
    other = Browser(browser.url)
    other.sign_in(EMAIL, PASSWORD)
    code = TOTP(secret).at(clock() + timedelta(seconds=30))
    assert other.ask("POST", "/sign-in/code", data={"csrf": "0" * 64, "code": code}).status_code == 403
    monkeypatch.setattr(container, "clock", lambda: clock() + sessions.MAX_CODE_WAIT)
    assert other.ask("POST", "/sign-in/code", data={"code": code}).headers["Location"] == "/sign-in"
    assert Browser(browser.url).ask("GET", "/sign-in/code").headers["Location"] == "/sign-in"


def test_an_administrator_removes_the_factor_of_a_lost_phone(
    browser: Browser, container: Container, web: Web
) -> None:
    set_up(browser)
    eva, anna = web.as_(Role.ADMINISTRATOR), users.get_by_email(container.database, EMAIL)
    assert "Remove second factor" in eva.get(f"/users/{anna.id}").text
    assert eva.post(f"/users/{anna.id}/reset-factor").status_code == 303
    assert "Removed the second factor of the user anna@example.com" in eva.get("/audit-log").text
    assert browser.ask("GET", PAGE).status_code == 303
    assert Browser(web.url).sign_in(EMAIL, PASSWORD).headers["Location"] == "/"


def test_users_of_an_organization_have_no_second_factor_here(web: Web, container: Container) -> None:
    one = web.as_(Role.VIEWER)
    page = one.get(PAGE).text
    assert "You sign in through your organization" in page
    assert "<svg" not in page
    assert one.post(PAGE, offered="x", code="1").status_code == 404
    token = sessions.start(container.database, add_user(container).id, now=clock())
    browser = Browser(web.url)
    browser.cookies["__Host-session"] = token
    assert browser.ask("POST", PAGE, data={"csrf": browser.form(PAGE), "offered": "x"}).status_code == 400


def test_an_administrator_who_needs_a_factor_can_do_nothing_before(database_url: str, redis_url: str) -> None:
    environ = environment(database_url, redis_url) | {"REQUIRE_SECOND_FACTOR": "yes"}
    with installed(environ) as container, own_logging(), serving(create_app()) as url:
        add_user(container)
        add_user(container, Role.OPERATOR, "per@example.com")
        browser, operator = Browser(url), Browser(url)
        operator.sign_in("per@example.com", PASSWORD)
        assert operator.ask("GET", "/records").status_code == 200
        browser.sign_in(EMAIL, PASSWORD)
        for method, path in (("GET", "/users"), ("GET", "/account/password"), ("POST", "/users/new")):
            assert browser.ask(method, path).headers["Location"].partition("?")[0] == PAGE
        led = browser.ask("GET", "/users").headers["Location"]
        assert 'href="/users"' not in browser.ask("GET", led).text
        answer, _ = set_up(browser, path=led)
        assert 'href="/users">I\'ve stored them' in answer.text
        assert browser.ask("GET", "/users").status_code == 200
        by_openid = sessions.SessionDetails(by_openid=True)
        eva = add_user(container, email="eva@example.com")
        browser.cookies["__Host-session"] = sessions.start(
            container.database, eva.id, now=clock(), details=by_openid
        )
        assert browser.ask("GET", "/users").status_code == 200
