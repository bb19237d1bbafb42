import html
import re
from datetime import timedelta
from typing import Any

import pytest
import requests
from fastapi.routing import APIRoute, iter_route_contexts
from pyotp import TOTP
from starlette.routing import Mount

from models.enums import Role, Scope
from models.receivers.outbox import EVENT_TYPES
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights, User
from models.users.sessions import CONFIRMED_FOR, SessionDetails
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
from tests.factories import NOW
from tests.web.conftest import Person, Web
from tests.web.form_filling import fields_of, fill_in, summary_of
from tests.web.users import EMAIL, PASSWORD, add_user, set_up_factor
from web.app import create_app
from web.security.auth import RequireRole
from worker.container import Container, clock

TYPED = "typed-secret-4711"
ASKED = "Confirm it's you"
CONFIRMED = {
    "/connections/new",
    "/connections/{connection_id}/erase",
    "/connections/{connection_id}/token",
    "/account/second-factor",
    "/account/second-factor/recovery-codes",
    "/account/second-factor/remove",
    "/tokens",
    "/users/new",
    "/users/{user_id}",
    "/users/{user_id}/link",
    "/users/{user_id}/password",
    "/users/{user_id}/disable",
    "/users/{user_id}/enable",
    "/users/{user_id}/reset-factor",
    "/receivers/new",
    "/receivers/{receiver_id}",
    "/receivers/{receiver_id}/rotate",
    "/receivers/{receiver_id}/remove",
}
"""The forms that change secrets, users or the address of a webhook, with any content."""
NEW_USER = {
    "email": "eva@example.com",
    "password": "another horse battery",
    "role": "operator",
    "everywhere": "yes",
}


@pytest.fixture
def user(container: Container) -> User:
    return add_user(container)


@pytest.fixture
def anna(web: Web, container: Container, user: User) -> Person:
    """An administrator who signed in a quarter of an hour ago."""
    return returning(web, container, user)


def returning(web: Web, container: Container, user: User, *, details: SessionDetails | None = None) -> Person:
    token = sessions.start(container.database, user.id, now=clock() - CONFIRMED_FOR, details=details)
    return Person(web.url, token=token)


def go_on(person: Person, asked: requests.Response, proof: str) -> requests.Response:
    """Answer the confirmation page."""
    assert (asked.status_code, ASKED in asked.text) == (403, True), asked.text
    found = re.search(r'<form method="post" action="([^"]+)" class="narrow">', asked.text)
    assert found
    return person.ask("POST", found[1], data={**fields_of(asked, found[1]), "proof": proof})


def test_changing_secrets_users_or_webhooks_needs_a_recent_confirmation(
    web: Web, container: Container, anna: Person, user: User
) -> None:
    set_up_factor(container, user)
    other = users.add(container.database, "per@example.com", user.rights, password=None, actor="test", now=NOW)
    receiver, _ = container.receivers.add("https://crm.example", EVENT_TYPES, Scope(), actor="test", now=NOW)
    asked: set[str] = set()
    ids = {"connection_id": web.connection.id, "user_id": other.id, "receiver_id": receiver.id}
    for route in iter_route_contexts(create_app().routes):
        if isinstance(route.original_route, Mount) or "POST" not in (route.methods or ()):
            continue
        assert isinstance(route.original_route, APIRoute)
        if not any(isinstance(each.call, RequireRole) for each in route.dependant.dependencies):
            continue
        address = re.sub(r"\{(\w+)\}", lambda found: str(ids.get(found[1], 4711)), str(route.path))
        if address != "/sign-out" and ASKED in anna.post(address).text:
            asked.add(str(route.path))
    assert asked == CONFIRMED


def test_the_posted_form_continues_after_the_password(anna: Person, container: Container) -> None:
    asked = fill_in(anna, "/users/new", **NEW_USER)
    assert NEW_USER["password"] not in asked.text
    assert users.all_users(container.database) == [users.get_by_email(container.database, EMAIL)]
    wrong = go_on(anna, go_on(anna, asked, ""), "guess")
    assert summary_of(wrong) == {"proof": "Incorrect password."}
    assert summary_of(go_on(anna, wrong, "")) == {"proof": "This field is required."}
    assert go_on(anna, wrong, PASSWORD).status_code == 303
    eva = users.get_by_email(container.database, "eva@example.com")
    assert eva.rights == Rights(Role.OPERATOR, Scope())
    assert fill_in(anna, f"/users/{eva.id}", to=f"/users/{eva.id}/disable").status_code == 303


def test_several_checkboxes_of_a_form_are_kept_too(anna: Person, container: Container, web: Web) -> None:
    chosen: dict[str, Any] = {**NEW_USER, "everywhere": [], "connections": [str(web.connection.id)] * 2}
    asked = fill_in(anna, "/users/new", **chosen)
    assert go_on(anna, asked, PASSWORD).status_code == 303
    eva = users.get_by_email(container.database, "eva@example.com")
    assert eva.scope == Scope(frozenset({web.connection.id}))


def test_a_new_secret_of_a_connection_is_kept_encrypted_meanwhile(
    anna: Person, container: Container, web: Web
) -> None:
    address = f"/connections/{web.connection.id}/settings"
    harmless = fill_in(anna, address, receivables_account="1501")
    assert harmless.status_code == 303
    asked = fill_in(anna, address, password=TYPED, receivables_account="1502")
    assert TYPED not in asked.text
    assert container.connections.get(web.connection.id).settings.receivables_account == 1501
    assert go_on(anna, asked, PASSWORD).status_code == 303
    settings = container.connections.get(web.connection.id).settings
    assert (settings.password.get_secret_value(), settings.receivables_account) == (TYPED, 1502)
    assert ASKED not in fill_in(anna, address, username="other@example.com").text


def test_settings_that_open_another_client_need_confirmation_too(anna: Person, web: Web) -> None:
    for entered in ({"username": "other@example.com"}, {"moment_company": "1002"}, {"moment_api_key": TYPED}):
        assert ASKED in fill_in(anna, f"/connections/{web.connection.id}/settings", **entered).text


def test_users_with_a_second_factor_enter_a_code(web: Web, container: Container, user: User) -> None:
    now = clock()
    key = set_up_factor(container, user, now=now)
    anna = returning(web, container, user)
    asked = fill_in(anna, "/users/new", **NEW_USER)
    for wrong in (PASSWORD, TOTP(key).at(now)):
        asked = go_on(anna, asked, wrong)
        assert "Incorrect or already used code" in asked.text
    assert go_on(anna, asked, TOTP(key).at(now + timedelta(seconds=30))).status_code == 303


def test_guesses_at_a_confirmation_are_limited_too(anna: Person) -> None:
    asked = fill_in(anna, "/users/new", **NEW_USER)
    for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS):
        asked = go_on(anna, asked, "guess")
    assert "Too many attempts." in go_on(anna, asked, PASSWORD).text


def test_users_of_an_organization_confirm_by_signing_in_there_again(
    web: Web, container: Container, user: User
) -> None:
    anna = returning(web, container, user, details=SessionDetails(by_openid=True))
    headers = {"Referer": f"{web.url}/users/new", **anna.cookies}
    asked = anna.ask(
        "POST", "/users/new", data={"csrf": anna.csrf, **NEW_USER, "proof": PASSWORD}, headers=headers
    )
    assert 'href="/sign-in/openid?fresh=yes&amp;next=/users/new"' in asked.text
    assert 'type="password"' not in asked.text
    assert "doesn't report when you signed in" in asked.text
    proved = SessionDetails(by_openid=True, proved_at=clock())
    back = returning(web, container, user, details=proved)
    assert fill_in(back, "/users/new", **NEW_USER).status_code == 303


def test_only_input_sealed_for_this_form_is_accepted(anna: Person, container: Container) -> None:
    asked = fill_in(anna, "/users/new", **NEW_USER)
    found = re.search(r'name="sealed" value="([^"]+)"', asked.text)
    assert found
    sealed = html.unescape(found[1])
    others = container.vault.encrypt_values({"password": TYPED}, "else")
    for path, value in (("/connections/new", sealed), ("/users/new", others), ("/users/new", "x")):
        assert anna.post(path, sealed=value, proof=PASSWORD).status_code == 400
    assert anna.post("/users/new", sealed=sealed, proof=PASSWORD, csrf="").status_code == 403
