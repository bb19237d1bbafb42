"""Requests sent before a password changed, and served after that."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from pyotp import TOTP

from models.admin import audit_log
from models.enums import Role, Scope
from models.receivers.outbox import EVENT_TYPES
from models.users import passwords, second_factor, sessions, tokens
from models.users import repository as users
from models.users.repository import Rights, User
from models.users.tokens import TokenScope
from tests.factories import NOW
from tests.models.event_log import URL
from tests.web.conftest import Person, Web
from tests.web.http_browser import Browser
from tests.web.users import EMAIL, PASSWORD, add_user, can_sign_in, set_up_factor
from web.dependencies import FORM_MEDIA_TYPE
from web.pages import second_factor as factor_page
from web.security import auth
from worker.container import Container, clock

ANOTHER = "another horse battery"
GIVEN = "given by telephone"
PAGE = "/account/second-factor"
EVERYWHERE = {"everywhere": "yes"}
RECEIVER = {"url": "https://thief.example", "event_types": "job.done", **EVERYWHERE}
TOKEN = {"name": "Mine", "scopes": "jobs:read", "days": "9", **EVERYWHERE}
GIVING_ACCESS: dict[str, dict[str, str]] = {
    "/receivers/new": RECEIVER,
    "/receivers/{on}": RECEIVER,
    "/receivers/{on}/rotate": {},
    "/receivers/{on}/disable": {},
    "/receivers/{off}/enable": {},
    "/receivers/{on}/remove": {},
    "/tokens": TOKEN,
    "/tokens/{token}/revoke": {},
    "/users/new": {"email": "new@example.com", "password": ANOTHER, "role": "operator", **EVERYWHERE},
    "/users/{eva}": {"role": "viewer", **EVERYWHERE},
    "/users/{anna}": {"role": "administrator", **EVERYWHERE},
    "/users/{eva}/password": {"password": ANOTHER},
    "/users/{eva}/reset-factor": {},
    "/users/{eva}/sign-out": {},
    "/users/{eva}/disable": {},
    "/users/{anna}/enable": {},
}
"""The forms that grant and remove access, filled in by a user who is about to lose theirs."""


@pytest.fixture
def anna(container: Container) -> User:
    everything = Rights(Role.ADMINISTRATOR, Scope())
    users.add(container.database, "eva@example.com", everything, password=None, actor="test", now=NOW)
    return add_user(container)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run something else once, after a function of a module has done its work and before it returns."""

    def arrange(module: object, name: str, happens: Callable[[], object]) -> None:
        function, rest = getattr(module, name), [happens]

        def slow(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            if rest:
                rest.pop()()
            return result

        monkeypatch.setattr(module, name, slow)

    return arrange


def give_password(container: Container, user: User) -> None:
    users.set_password(container.database, user.id, GIVEN, actor="eva@example.com", now=NOW)


def disable(container: Container, user: User) -> None:
    users.disable(container.database, user.id, actor="eva@example.com", now=NOW)


def person(web: Web, container: Container, user: User, *, confirmed: bool = True) -> Person:
    at = clock() if confirmed else clock() - sessions.CONFIRMED_FOR
    return Person(web.url, token=sessions.start(container.database, user.id, now=at))


@pytest.mark.parametrize("change", [give_password, set_up_factor, disable])
def test_a_sign_in_is_refused_if_the_account_has_changed_meanwhile(
    web: Web,
    container: Container,
    anna: User,
    meanwhile: Callable[..., None],
    change: Callable[[Container, User], object],
) -> None:
    meanwhile(passwords, "verify", lambda: change(container, anna))
    browser = Browser(web.url)
    assert browser.sign_in(EMAIL, PASSWORD).status_code == 403
    assert sessions.of_user(container.database, anna, now=clock()) == []
    assert (
        "Sign-in rejected: the account was changed in the meantime"
        in web.as_(Role.ADMINISTRATOR).get("/audit-log").text
    )


def test_a_code_is_refused_if_the_password_has_changed_meanwhile(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None]
) -> None:
    key, browser = set_up_factor(container, anna), Browser(web.url)
    browser.sign_in(EMAIL, PASSWORD)
    meanwhile(second_factor, "use_code", lambda: give_password(container, anna))
    data = {"csrf": browser.form("/sign-in/code"), "code": TOTP(key).at(clock())}
    assert browser.ask("POST", "/sign-in/code", data=data).status_code == 403
    assert sessions.of_user(container.database, anna, now=clock()) == []


def test_a_password_changed_meanwhile_is_not_changed_back(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None]
) -> None:
    browser = Browser(web.url)
    browser.sign_in(EMAIL, PASSWORD)
    data = {"csrf": browser.form("/account/password"), "present": PASSWORD, "password": ANOTHER, "again": ANOTHER}
    meanwhile(passwords, "hash_new", lambda: give_password(container, anna))
    response = browser.ask("POST", "/account/password", data=data)
    assert response.status_code == 422
    assert (can_sign_in(web.url, EMAIL, ANOTHER), can_sign_in(web.url, EMAIL, GIVEN)) == (False, True)


def test_a_session_ended_meanwhile_sets_no_password(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None]
) -> None:
    thief = person(web, container, anna)
    meanwhile(passwords, "hash_new", lambda: give_password(container, anna))
    assert thief.post(f"/users/{anna.id}/password", password=ANOTHER).status_code == 403
    assert (can_sign_in(web.url, EMAIL, ANOTHER), can_sign_in(web.url, EMAIL, GIVEN)) == (False, True)
    thief = person(web, container, anna)
    meanwhile(passwords, "hash_new", lambda: give_password(container, anna))
    new = {"email": "thief@example.com", "password": ANOTHER, "role": "administrator", "everywhere": "yes"}
    users.keep_password(container.database, anna.id)
    assert thief.post("/users/new", **new).status_code == 403
    assert "thief@example.com" not in [each.email for each in users.all_users(container.database)]


def test_an_outdated_password_confirms_nothing(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None]
) -> None:
    thief = person(web, container, anna, confirmed=False)
    meanwhile(passwords, "verify", lambda: give_password(container, anna))
    assert thief.post(f"/users/{anna.id}/password", password=ANOTHER, proof=PASSWORD).status_code == 403
    assert (can_sign_in(web.url, EMAIL, ANOTHER), can_sign_in(web.url, EMAIL, GIVEN)) == (False, True)


@pytest.mark.parametrize("action", ["", "/recovery-codes", "/remove"])
def test_a_session_ended_meanwhile_changes_no_second_factor(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None], action: str
) -> None:
    thief, offered = person(web, container, anna), second_factor.offer(container.vault, anna)
    key, _ = second_factor.app_key(container.vault, anna, offered)
    if action:
        set_up_factor(container, anna)
    meanwhile(factor_page, "confirm_identity", lambda: give_password(container, anna))
    code = TOTP(key).at(clock())
    assert thief.post(f"{PAGE}{action}", offered=offered, code=code).status_code == 403
    assert users.get(container.database, anna.id).has_factor == bool(action)


@pytest.mark.parametrize("form", GIVING_ACCESS)
def test_a_session_ended_meanwhile_changes_no_access(
    web: Web, container: Container, anna: User, meanwhile: Callable[..., None], form: str
) -> None:
    database, receivers = container.database, container.receivers
    eva = users.get_by_email(database, "eva@example.com")
    set_up_factor(container, eva)
    on, off = (receivers.add(URL, EVENT_TYPES, Scope(), actor="test", now=NOW)[0] for _ in range(2))
    receivers.disable(off.id, actor="test", now=NOW)
    scopes = frozenset({TokenScope.JOBS_READ})
    token, _ = tokens.create(database, "Crm", scopes=scopes, scope=Scope(), actor="test", now=NOW)
    ids = {"on": on.id, "off": off.id, "token": token.id, "eva": eva.id, "anna": anna.id}
    thief = person(web, container, anna)
    meanwhile(auth, "has_valid_token", lambda: disable(container, anna))
    assert thief.post(form.format(**ids), **GIVING_ACCESS[form]).status_code == 403
    done = [each.action for each in audit_log.page(database, Scope(), users=True).lines if each.actor == EMAIL]
    assert done == []


def demote(container: Container, user: User) -> None:
    viewer = Rights(Role.VIEWER, Scope())
    users.update(container.database, user.id, viewer, actor="eva@example.com", now=NOW)


@pytest.mark.parametrize(("loses", "status"), [(disable, 303), (demote, 404)])
def test_a_slowly_sent_form_is_checked_against_the_rights_at_its_end(
    web: Web, container: Container, anna: User, loses: Callable[[Container, User], None], status: int
) -> None:
    thief, address = person(web, container, anna), urlsplit(web.url)
    body = urlencode({"csrf": thief.csrf, **RECEIVER}).encode()
    headers = {
        "Host": address.netloc,
        "Connection": "close",
        "Expect": "100-continue",  # answered once the form is waited for
        "Content-Type": FORM_MEDIA_TYPE,
        "Content-Length": str(len(body)),
        **thief.cookies,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as sock:
        response = sock.makefile("rb")
        sock.sendall(f"POST /receivers/new HTTP/1.1\r\n{head}\r\n".encode())
        assert response.readline().startswith(b"HTTP/1.1 100 ")
        response.readline()
        loses(container, anna)
        sock.sendall(body)
        assert response.readline().startswith(b"HTTP/1.1 %d " % status)
    assert container.receivers.all() == []
