from functools import partial
from hashlib import sha256
from urllib.parse import quote

import lxml.html
import pytest
import requests

from i18n.catalog import Language
from i18n.messages import translate
from models.admin import audit_log
from models.connections import alert_outbox
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights, User
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
from tests.factories import NOW
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import serving
from tests.web.conftest import Web
from tests.web.http_browser import Browser, cookies_of
from tests.web.users import EMAIL, PASSWORD, add_user
from web.app import create_app
from web.security.auth import local_url
from web.security.csrf import csrf_token
from worker.container import Container

SESSION = "__Host-session"
RIGHTS = Rights(Role.ADMINISTRATOR, Scope())
LONG = "".join(sha256(bytes([each])).hexdigest() for each in range(250)) + "@example.com"


@pytest.fixture
def anna(container: Container) -> User:
    return add_user(container)


@pytest.fixture
def browser(web: Web, anna: User) -> Browser:
    assert anna.email == EMAIL
    return Browser(web.url)


def test_the_right_password_leads_to_the_requested_page(browser: Browser) -> None:
    assert browser.ask("GET", "/account?done=x").headers["Location"] == "/sign-in?next=/account%3Fdone%3Dx"
    response = browser.sign_in(" Anna@Example.com", PASSWORD, path="/sign-in?next=/account%3Fdone%3Dx")
    assert (response.status_code, response.headers["Location"]) == (303, "/account?done=x")
    assert EMAIL in browser.ask("GET", "/account").text
    assert browser.ask("GET", "/sign-in?next=/users").headers["Location"] == "/users"


def test_the_language_chosen_at_sign_in_is_kept(browser: Browser) -> None:
    assert 'href="?language=nb&amp;next=/account"' in browser.ask("GET", "/sign-in?next=/account").text
    for language in ("nb", "en"):
        browser.sign_in(EMAIL, PASSWORD, path=f"/sign-in?language={language}&next=/account")
        assert f'<html lang="{language}">' in browser.ask("GET", "/account").text
        browser.cookies.clear()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "guess"),
        (EMAIL, ""),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        pytest.param(LONG, PASSWORD, id="longer than an index holds"),
    ],
)
def test_a_wrong_password_looks_the_same_for_every_user(browser: Browser, email: str, password: str) -> None:
    response = browser.sign_in(email, password)
    assert (response.status_code, "Incorrect email or password." in response.text) == (403, True)
    assert PASSWORD not in response.text
    assert browser.ask("GET", "/account").status_code == 303


def test_scripts_and_other_sites_cannot_use_the_session_cookie(browser: Browser) -> None:
    (session,) = (each for each in cookies_of(browser.sign_in(EMAIL, PASSWORD)) if "session" in each.key)
    assert session.key == SESSION
    assert (session["httponly"], session["secure"], session["samesite"]) == (True, True, "lax")
    assert (session["path"], session["domain"], session["max-age"]) == ("/", "", "")
    assert len(session.value) >= 43


def test_cookies_work_without_https_on_localhost(database_url: str, redis_url: str) -> None:
    environ = {**environment(database_url, redis_url), "PUBLIC_URL": "http://127.0.0.1:8000"}
    with installed(environ), own_logging(), serving(create_app()) as url:
        response = requests.get(f"{url}/sign-in", timeout=10)
    (cookie,) = cookies_of(response)
    assert (cookie.key, cookie["secure"], cookie["httponly"]) == ("signing-in", "", True)
    assert "Strict-Transport-Security" not in response.headers


def test_each_sign_in_is_a_new_session_and_ends_the_one_before(browser: Browser) -> None:
    csrf, filled = browser.form(), {"email": EMAIL, "password": PASSWORD}
    proven = dict(browser.cookies)
    browser.ask("POST", "/sign-in", data={"csrf": csrf, **filled})
    before = dict(browser.cookies)
    browser.cookies |= proven
    assert browser.ask("POST", "/sign-in", data={"csrf": csrf, **filled}).status_code == 303
    assert browser.cookies[SESSION] != before[SESSION]
    assert browser.ask("GET", "/account").status_code == 200
    browser.cookies = before
    assert browser.ask("GET", "/account").status_code == 303


def test_signing_out_also_ends_a_copied_session(browser: Browser) -> None:
    browser.sign_in(EMAIL, PASSWORD)
    thief = Browser(browser.url)
    thief.cookies |= browser.cookies
    csrf = csrf_token(browser.cookies[SESSION])
    response = browser.ask("POST", "/sign-out", data={"csrf": csrf})
    assert (response.status_code, response.headers["Location"]) == (303, "/sign-in")
    assert SESSION not in browser.cookies
    assert thief.ask("GET", "/account").status_code == 303


def test_too_many_attempts_must_wait_but_other_users_need_not(browser: Browser, container: Container) -> None:
    add_user(container, email="per@example.com")
    assert {browser.sign_in(EMAIL, "guess").status_code for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS)} == {
        403
    }
    for email in (EMAIL, EMAIL.upper()):
        response = browser.sign_in(email, PASSWORD)
        assert (response.status_code, "Wait 15 minutes" in response.text) == (429, True)
    assert browser.sign_in("per@example.com", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("csrf", "headers"),
    [
        ("", {}),
        ("0" * 64, {}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Origin": "https://elsewhere.example"}),
        (None, {"Origin": "null"}),
        (None, {"Content-Type": "multipart/form-data"}),
    ],
)
def test_a_form_from_another_site_signs_no_one_in(
    browser: Browser, csrf: str | None, headers: dict[str, str]
) -> None:
    proven = browser.form() if csrf is None else csrf
    data = {"csrf": proven, "email": EMAIL, "password": PASSWORD}
    assert browser.ask("POST", "/sign-in", data=data, headers=headers).status_code == 403
    assert SESSION not in browser.cookies


def test_null_characters_are_refused(browser: Browser) -> None:
    assert browser.sign_in("anna@\0example.com", PASSWORD).status_code == 400
    assert browser.sign_in(EMAIL, "\0").status_code == 400


def test_a_form_is_not_valid_in_another_browser(browser: Browser) -> None:
    other = Browser(browser.url)
    other.form()
    data = {"csrf": browser.form(), "email": EMAIL, "password": PASSWORD}
    assert other.ask("POST", "/sign-in", data=data).status_code == 403


def test_our_form_is_accepted_with_and_without_a_proxy(browser: Browser) -> None:
    for origin in ("https://bridge.example", browser.url):
        data = {"csrf": browser.form(), "email": EMAIL, "password": PASSWORD}
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        assert browser.ask("POST", "/sign-in", data=data, headers=headers).status_code == 303
        browser.cookies.clear()


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\x00",
        "/\r\nSet-Cookie: a=b",
        " //evil.example",
        "/" + "x" * 1000,
    ],
)
def test_no_one_is_redirected_to_another_site(browser: Browser, address: str) -> None:
    assert local_url(address) == "/"
    response = browser.sign_in(EMAIL, PASSWORD, path=f"/sign-in?next={quote(address)}")
    assert response.headers["Location"] == "/"


def test_a_disabled_user_is_signed_out_at_once(browser: Browser, container: Container, anna: User) -> None:
    add_user(container, email="per@example.com")
    browser.sign_in(EMAIL, PASSWORD)
    users.disable(container.database, anna.id, actor="test", now=NOW)
    assert browser.ask("GET", "/account").status_code == 303
    assert browser.sign_in(EMAIL, PASSWORD).status_code == 403


def audit(container: Container) -> list[str]:
    entries = audit_log.page(container.database, Scope(), users=True).lines
    return [f"{entry.actor}: {translate(entry.action, Language.ENGLISH)}" for entry in reversed(entries)]


def test_sign_ins_and_refusals_are_in_the_audit_log(browser: Browser, container: Container, anna: User) -> None:
    before = len(audit(container))
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    browser.sign_in(EMAIL, "guess")
    browser.sign_in("what is no address", PASSWORD)
    browser.sign_in("nobody@example.com", PASSWORD)
    browser.sign_in(EMAIL, PASSWORD)
    add_user(container, email="per@example.com")
    users.disable(container.database, anna.id, actor="test", now=NOW)
    browser.sign_in(EMAIL, PASSWORD)
    assert audit(container)[before:] == [
        "anna@example.com: Sign-in rejected: incorrect password",
        "anna@example.com: Signed in with Firefox, Linux",
        "test: Added the user per@example.com: administrator of all connections",
        "test: Disabled the user anna@example.com",
        "anna@example.com: Sign-in rejected: the user is disabled",
    ]


def test_a_new_device_is_mailed_once(browser: Browser, container: Container) -> None:
    alerts = partial(alert_outbox.pending_alerts, container.database, EMAIL)
    assert browser.sign_in(EMAIL, PASSWORD).status_code == 303
    for _ in range(2):  # signing out, or closing the browser, makes it no other device
        del browser.cookies[SESSION]
        browser.sign_in(EMAIL, PASSWORD)
    assert [str(alert.title) for alert in alerts()] == ["New sign-in to your account"]
    other = Browser(browser.url)
    other.headers["User-Agent"] = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    )
    (cookie,) = (each for each in cookies_of(other.sign_in(EMAIL, PASSWORD)) if "device" in each.key)
    assert (cookie["httponly"], cookie["secure"], cookie["max-age"]) == (True, True, str(365 * 24 * 3600))
    assert [translate(alert.message, Language.ENGLISH) for alert in alerts()] == [
        "New sign-in to anna@example.com from an unknown device.",
        "New sign-in to anna@example.com from Firefox, Windows.",
    ]


def test_another_users_device_is_new_to_a_user(browser: Browser, container: Container) -> None:
    add_user(container, email="per@example.com")
    for email in (EMAIL, "per@example.com"):
        browser.cookies.pop(SESSION, None)
        browser.sign_in(email, PASSWORD)
    assert len(alert_outbox.pending_alerts(container.database, "per@example.com")) == 1


@pytest.mark.parametrize(
    ("language", "heading"),
    [(Language.ENGLISH, "You have been signed out."), (Language.NORWEGIAN, "Du er logget ut.")],
)
def test_a_refreshing_page_contains_the_message_for_an_ended_session(
    web: Web, language: Language, heading: str
) -> None:
    tree = lxml.html.document_fromstring(web.as_(Role.VIEWER, language=language).get("/").content)
    (words,) = tree.xpath("//template[@id='signed-out']")
    assert heading in words.text_content()
    assert words.xpath(".//a/@href") == ["/sign-in"]
    assert "signed-out" not in web.get("/sign-in").text
