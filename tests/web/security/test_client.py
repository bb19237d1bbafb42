"""The web behind a proxy that uvicorn trusts, and behind one that it does not."""

from collections.abc import Iterator, Mapping

import pytest
import requests

from i18n.catalog import Language
from models.enums import Role, Scope
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights
from models.users.throttle import MAX_FAILURES_PER_ADDRESS
from tests.factories import NOW, settings
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import serving
from tests.web.conftest import Person
from web.app import create_app
from web.security.csrf import csrf_token
from worker.container import clock, get_container

EMAIL, PASSWORD = "anna@example.com", "correct horse battery"
PROOF = "of-the-form"
BELIEVED, STRANGE = "127.0.0.1", "192.0.2.1"
NOT_BELIEVED = "FORWARDED_ALLOW_IPS to the proxy's address"


@pytest.fixture
def environ(database_url: str, redis_url: str) -> Mapping[str, str]:
    return environment(database_url, redis_url)


@pytest.fixture
def url(environ: Mapping[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """The web process, which trusts a proxy; the tests call it as one at 127.0.0.1."""
    with installed({**environ, "FORWARDED_ALLOW_IPS": request.param}), own_logging():
        rights = Rights(Role.ADMINISTRATOR, Scope())
        users.add(get_container().database, EMAIL, rights, password=PASSWORD, actor="test", now=NOW)
        with serving(create_app()) as url:
            yield url


def guess(url: str, *, visitor: str) -> None:
    """Try many accounts, until an address is blocked."""
    for number in range(MAX_FAILURES_PER_ADDRESS):
        assert sign_in(url, f"{number}@example.com", visitor=visitor) == 403


def sign_in(url: str, email: str, *, visitor: str) -> int:
    headers, form = (
        {"X-Forwarded-For": visitor, "Cookie": f"__Host-signing-in={PROOF}"},
        {"csrf": csrf_token(PROOF)},
    )
    form |= {"email": email, "password": PASSWORD}
    return requests.post(
        f"{url}/sign-in", data=form, headers=headers, allow_redirects=False, timeout=10
    ).status_code


@pytest.mark.parametrize("url", [STRANGE], indirect=True)
def test_guessing_behind_an_untrusted_proxy_locks_out_no_other_user(url: str) -> None:
    guess(url, visitor="203.0.113.1")
    assert sign_in(url, EMAIL, visitor="203.0.113.2") == 303


@pytest.mark.parametrize("url", [BELIEVED], indirect=True)
def test_behind_a_trusted_proxy_each_visitor_counts_alone(url: str) -> None:
    guess(url, visitor="203.0.113.1")
    assert sign_in(url, EMAIL, visitor="203.0.113.1") == 429
    assert sign_in(url, EMAIL, visitor="203.0.113.2") == 303


@pytest.mark.parametrize("url", [STRANGE], indirect=True)
def test_an_untrusted_proxy_is_logged_once_and_shown_on_the_overview(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database, connections = get_container().database, get_container().connections
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)

    def overview(role: Role, headers: Mapping[str, str], connections: frozenset[int] | None = None) -> str:
        email = f"{role}-{connections is None}-{len(headers)}@example.com"
        user = users.add(database, email, Rights(role, Scope(connections)), password=None, actor="test", now=NOW)
        users.set_language(database, user.id, Language.ENGLISH)
        token = sessions.start(database, user.id, now=clock())
        return Person(url, token=token).ask("GET", "/", headers=headers).text

    through = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    assert NOT_BELIEVED in overview(Role.ADMINISTRATOR, through)
    assert NOT_BELIEVED not in overview(Role.ADMINISTRATOR, {})
    assert NOT_BELIEVED not in overview(Role.OPERATOR, through)
    assert NOT_BELIEVED not in overview(Role.ADMINISTRATOR, through, frozenset({connection.id}))
    assert caplog.text.count("proxy_not_trusted") == 1


@pytest.mark.parametrize("url", [BELIEVED], indirect=True)
@pytest.mark.parametrize(
    "visitor",
    [
        "",
        ",",
        BELIEVED,
        "203.0.113.1:80",
        "[2001:db8::1]:80",
        "2001:db8::1",
        f"192.0.2.9, 203.0.113.1 , {BELIEVED}",
    ],
)
def test_a_trusted_proxy_is_not_logged(url: str, visitor: str, caplog: pytest.LogCaptureFixture) -> None:
    assert requests.get(f"{url}/sign-in", headers={"X-Forwarded-For": visitor}, timeout=10).ok
    assert "proxy_not_trusted" not in caplog.text


@pytest.mark.parametrize(
    ("variables", "warned"),
    [({}, 1), ({"FORWARDED_ALLOW_IPS": STRANGE}, 0), ({"PUBLIC_URL": "http://127.0.0.1:8000"}, 0)],
)
def test_startup_warns_if_a_proxy_is_needed_and_none_is_trusted(
    environ: Mapping[str, str], variables: Mapping[str, str], warned: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with installed({**environ, **variables}), own_logging():
        create_app()
        assert capsys.readouterr().err.count("trusted_proxy_not_set") == warned
