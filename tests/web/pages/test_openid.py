import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from models.enums import Role, Scope
from models.users import repository as users
from models.users import second_factor, sessions
from models.users.repository import Rights, User
from tests.factories import NOW
from tests.installation import environment, installed, own_logging
from tests.openid_organization import CLIENT, Organization, organization
from tests.sandbox.serving import serving
from tests.web.conftest import Web
from tests.web.http_browser import Browser, cookies_of
from web.app import create_app
from worker.container import Container, clock

UNKNOWN = "You don't have access"


@pytest.fixture
def there() -> Iterator[Organization]:
    with organization() as there:
        yield there


@pytest.fixture
def environ(database_url: str, redis_url: str, there: Organization) -> dict[str, str]:
    """An installation that knows the organization."""
    variables = {"OPENID_ISSUER": there.issuer, "OPENID_CLIENT_ID": CLIENT[0], "OPENID_CLIENT_SECRET": CLIENT[1]}
    return environment(database_url, redis_url) | variables


@pytest.fixture
def anna(container: Container) -> User:
    rights = Rights(Role.VIEWER, Scope())
    return users.add(container.database, "anna@example.com", rights, password=None, actor="test", now=NOW)


def come_back(browser: Browser, there: Organization, *, wanted: str = "/account", asked: str = "") -> str:
    """Open the organization's sign-in, and return where it redirects the browser to."""
    leaving = browser.ask("GET", asked or f"/sign-in/openid?next={wanted}")
    assert leaving.status_code == 303
    back = urlsplit(there.follow_redirect(leaving.headers["Location"]))
    assert f"{back.scheme}://{back.netloc}{back.path}" == "https://bridge.example/sign-in/openid/back"
    return f"{back.path}?{back.query}"


def test_users_whom_the_organization_vouches_for_are_signed_in(web: Web, there: Organization, anna: User) -> None:
    browser = Browser(web.url)
    assert 'href="/sign-in/openid?next=/account"' in browser.ask("GET", "/sign-in?next=/account").text
    response = browser.ask("GET", come_back(browser, there))
    assert (response.status_code, response.headers["Location"]) == (303, "/account")
    assert anna.email in browser.ask("GET", "/account").text
    assert "openid" not in " ".join(browser.cookies)


@pytest.mark.parametrize(
    ("seconds_ago", "confirmed"),
    [(None, True), (0, False), (3600, False)],
    ids=["at once", "without a time", "long ago"],
)
def test_a_fresh_sign_in_there_confirms_their_identity(
    web: Web, container: Container, there: Organization, anna: User, seconds_ago: int | None, *, confirmed: bool
) -> None:
    browser = Browser(web.url)
    browser.ask("GET", come_back(browser, there))
    (session,) = sessions.of_user(container.database, anna, now=clock())
    assert session.by_openid
    assert not session.is_confirmed(clock())
    if seconds_ago is not None:
        there.claims["auth_time"] = int(time.time()) - seconds_ago if seconds_ago else None
    link = come_back(browser, there, asked="/sign-in/openid?fresh=yes&next=/account")
    assert browser.ask("GET", link).headers["Location"] == "/account"
    (session,) = sessions.of_user(container.database, anna, now=clock())
    assert session.is_confirmed(clock()) is confirmed


def test_other_users_are_refused(web: Web, there: Organization, anna: User) -> None:
    for claims in (
        {"email": "stranger@example.com"},
        {"email_verified": False},
        {"nonce": "another"},
        {"aud": "x"},
    ):
        browser, usual = Browser(web.url), dict(there.claims)
        there.claims |= claims
        response = browser.ask("GET", come_back(browser, there))
        assert (response.status_code, UNKNOWN in response.text) == (403, True), claims
        assert browser.ask("GET", "/account").status_code == 303
        there.claims = usual
    assert anna.email


def test_a_link_from_another_persons_sign_in_signs_no_one_in(web: Web, there: Organization, anna: User) -> None:
    victim, link = Browser(web.url), come_back(Browser(web.url), there)
    assert victim.ask("GET", link).status_code == 403
    come_back(victim, there)
    assert victim.ask("GET", link).status_code == 403
    assert anna.email not in victim.ask("GET", "/account").text


def test_a_callback_is_valid_once(web: Web, there: Organization, anna: User) -> None:
    browser = Browser(web.url)
    link = come_back(browser, there)
    kept = dict(browser.cookies)
    assert browser.ask("GET", link).status_code == 303
    again = Browser(web.url)
    again.cookies = kept
    assert again.ask("GET", link).status_code == 403
    assert anna.email


def test_a_value_encrypted_for_another_purpose_starts_no_sign_in(
    web: Web, container: Container, anna: User
) -> None:
    browser = Browser(web.url)
    browser.cookies["__Host-openid"] = second_factor.offer(container.vault, anna)
    assert browser.ask("GET", "/sign-in/openid/back?code=1&state=2").status_code == 403


def test_no_one_is_redirected_to_another_site(web: Web, there: Organization, anna: User) -> None:
    browser = Browser(web.url)
    assert browser.ask("GET", come_back(browser, there, wanted="//evil.example")).headers["Location"] == "/"
    assert anna.email


def test_the_state_of_a_sign_in_is_kept_encrypted_in_a_cookie(web: Web) -> None:
    (kept,) = cookies_of(Browser(web.url).ask("GET", "/sign-in/openid"))
    assert (kept.key, kept["httponly"], kept["secure"], kept["max-age"]) == ("__Host-openid", True, True, "600")
    assert kept.value.startswith("v2:gAAAA")


def test_a_silent_organization_is_reported(database_url: str, redis_url: str) -> None:
    variables = {"OPENID_ISSUER": "http://127.0.0.1:1", "OPENID_CLIENT_ID": "x", "OPENID_CLIENT_SECRET": "y"}
    with (
        installed(environment(database_url, redis_url) | variables),
        own_logging(),
        serving(create_app()) as url,
    ):
        response = Browser(url).ask("GET", "/sign-in/openid")
    assert (response.status_code, "isn't responding" in response.text) == (503, True)


def test_without_an_organization_there_is_no_such_sign_in(database_url: str, redis_url: str) -> None:
    with installed(environment(database_url, redis_url)), own_logging(), serving(create_app()) as url:
        browser = Browser(url)
        assert "openid" not in browser.ask("GET", "/sign-in").text
        assert browser.ask("GET", "/sign-in/openid").status_code == 404
        assert browser.ask("GET", "/sign-in/openid/back?code=1&state=2").status_code == 404
