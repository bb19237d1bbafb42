"""A refused form lists all of its errors, above it and at each field."""

from typing import Any

import pytest

from models.enums import Role, Scope
from models.receivers.outbox import EVENT_TYPES
from models.users import repository as users
from models.users.repository import User
from tests.factories import NOW
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fill_in, summary_of
from tests.web.http_browser import Browser
from tests.web.users import PASSWORD, add_user
from worker.container import Container

FORMS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a new user": (
        "/users/new",
        {"email": "eva", "password": "short", "everywhere": []},
        ["email", "password", "connections"],
    ),
    "an address that is taken": (
        "/users/new",
        {"email": "per@example.com", "password": "short", "everywhere": []},
        ["email", "password", "connections"],
    ),
    "a user's rights": ("/users/{user}", {"role": "viewer", "everywhere": []}, ["connections"]),
    "a token": (
        "/tokens",
        {"name": "", "scopes": [], "days": "soon", "everywhere": []},
        ["name", "scopes", "connections", "days"],
    ),
    "a new receiver": (
        "/receivers/new",
        {"url": "crm", "event_types": [], "everywhere": []},
        ["url", "event_types", "connections"],
    ),
    "a receiver": (
        "/receivers/{receiver}",
        {"url": "crm", "event_types": [], "everywhere": []},
        ["url", "event_types", "connections"],
    ),
    "a new connection": ("/connections/new", {"name": ""}, ["name", "moment_company", "moment_api_key"]),
}


@pytest.fixture
def per(container: Container) -> User:
    return add_user(container, Role.VIEWER, "per@example.com")


@pytest.mark.parametrize("form", FORMS)
def test_all_errors_are_shown_at_once(web: Web, container: Container, per: User, form: str) -> None:
    path, entered, wrong = FORMS[form]
    receiver, _ = container.receivers.add("https://crm.example", EVENT_TYPES, Scope(), actor="test", now=NOW)
    page = fill_in(web.as_(Role.ADMINISTRATOR), path.format(user=per.id, receiver=receiver.id), **entered)
    assert page.status_code == 422
    summary = summary_of(page)
    assert list(summary)[: len(wrong)] == wrong
    for name in wrong:
        assert f'id="{name}-error"' in page.text


def test_the_last_administrator_without_connections_gets_both_errors(web: Web, container: Container) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    (anna,) = users.all_users(container.database)
    page = fill_in(one, f"/users/{anna.id}", role="viewer", everywhere=[])
    assert list(summary_of(page)) == ["role", "connections"]


@pytest.mark.parametrize(
    ("path", "to", "entered"),
    [
        ("/users/{user}", "/users/{user}/password", {"password": "short"}),
        ("/receivers/{receiver}", "/receivers/{receiver}/replay", {"since": "lately"}),
    ],
)
def test_the_small_forms_on_a_page_show_their_errors_too(
    web: Web, container: Container, per: User, path: str, to: str, entered: dict[str, str]
) -> None:
    receiver, _ = container.receivers.add("https://crm.example", EVENT_TYPES, Scope(), actor="test", now=NOW)
    ids = {"user": per.id, "receiver": receiver.id}
    page = fill_in(web.as_(Role.ADMINISTRATOR), path.format(**ids), to=to.format(**ids), **entered)
    assert page.status_code == 422
    (name,) = entered
    assert error_at(page, name) in summary_of(page)[name]


def test_a_new_password_is_refused_with_all_its_errors(web: Web, per: User) -> None:
    browser = Browser(web.url)
    browser.sign_in(per.email, PASSWORD)
    entered = {"csrf": browser.form("/account/password"), "present": "guess", "password": "short", "again": "x"}
    page = browser.ask("POST", "/account/password", data=entered)
    assert (page.status_code, list(summary_of(page))) == (422, ["present", "password", "again"])
    assert browser.ask("GET", "/account").status_code == 200


def test_a_refused_sign_in_links_to_its_field(web: Web, per: User) -> None:
    page = Browser(web.url).sign_in(per.email, "guess")
    assert summary_of(page) == {"password": "Incorrect email or password."}
    assert error_at(page, "password") == "Incorrect email or password."
