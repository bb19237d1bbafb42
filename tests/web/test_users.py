from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models import signing, users
from models.users import Rights, User
from models.words import Role, Scope
from tests.factories import NOW, settings
from tests.web.filling import fill_in
from worker.wiring import clock

if TYPE_CHECKING:
    from tests.web.conftest import Person, Web
    from worker.wiring import Bridge

PASSWORD = "correct horse battery"


@pytest.fixture
def administrator(web: Web) -> Person:
    return web.as_(Role.ADMINISTRATOR)


@pytest.fixture
def per(bridge: Bridge, web: Web) -> User:
    rights = Rights(Role.VIEWER, Scope(frozenset({web.connection.id})))
    return users.add(bridge.database, "per@example.com", rights, password=PASSWORD, who="test", now=NOW)


def knows(bridge: Bridge, email: str, password: str) -> bool:
    try:
        return bool(signing.by_password(bridge.database, email, password, address="", now=clock()))
    except signing.Refused:
        return False


def test_users_are_listed_with_what_they_may_do(administrator: Person, per: User) -> None:
    page = administrator.get("/users").text
    assert f'<a href="/users/{per.id}">per@example.com</a>' in page
    for words in ("viewer", "Demo AS", "administrator", "all", "can sign in"):
        assert f">{words}<" in page


def test_a_user_is_added_and_signs_in(administrator: Person, web: Web, bridge: Bridge) -> None:
    answer = fill_in(
        administrator,
        "/users/new",
        email="Eva@example.com",
        password=PASSWORD,
        role="operator",
        connections=str(web.connection.id),
    )
    assert answer.status_code == 303
    assert "Give them their password" in administrator.get(answer.headers["Location"]).text
    eva = users.called(bridge.database, "eva@example.com")
    assert eva.rights == Rights(Role.OPERATOR, Scope(frozenset({web.connection.id})))
    assert knows(bridge, "eva@example.com", PASSWORD)


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"email": "eva"}, "This is not an e-mail address."),
        ({"email": "per@example.com"}, "There is a user with this e-mail address already."),
        ({"password": "short"}, "12 to 200 characters"),
        ({"password": ""}, "12 to 200 characters"),
        ({"everywhere": []}, "Choose all connections, or at least one"),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field(
    administrator: Person, bridge: Bridge, per: User, entered: dict[str, str], words: str
) -> None:
    usual = {"email": "eva@example.com", "password": PASSWORD, "role": "viewer", "everywhere": "yes"}
    page = fill_in(administrator, "/users/new", **{**usual, **entered})
    assert (page.status_code, words in page.text) == (422, True)
    assert f'value="{entered.get("email", "eva@example.com")}"' in page.text
    assert PASSWORD not in page.text
    assert [each.email for each in users.everyone(bridge.database) if "administrator" not in each.email] == [
        per.email
    ]


def test_a_user_gets_other_rights(administrator: Person, bridge: Bridge, per: User) -> None:
    answer = fill_in(administrator, f"/users/{per.id}", role="administrator", everywhere="yes")
    assert answer.headers["Location"] == f"/users/{per.id}?done=changed"
    assert users.get(bridge.database, per.id).rights == Rights(Role.ADMINISTRATOR, Scope())


def test_a_user_gets_a_new_password(administrator: Person, bridge: Bridge, per: User) -> None:
    address = f"/users/{per.id}/password"
    page = fill_in(administrator, f"/users/{per.id}", to=address, password="short")
    assert (page.status_code, "12 to 200 characters" in page.text) == (422, True)
    fill_in(administrator, f"/users/{per.id}", to=address, password="another horse battery")
    assert knows(bridge, per.email, "another horse battery")
    assert not knows(bridge, per.email, PASSWORD)


def test_a_user_is_shut_out_and_let_in_again(administrator: Person, bridge: Bridge, per: User) -> None:
    fill_in(administrator, f"/users/{per.id}", to=f"/users/{per.id}/disable")
    assert not knows(bridge, per.email, PASSWORD)
    assert "disabled" in administrator.get("/users").text
    fill_in(administrator, f"/users/{per.id}", to=f"/users/{per.id}/enable")
    assert knows(bridge, per.email, PASSWORD)


def test_the_last_administrator_stays_one(administrator: Person, bridge: Bridge) -> None:
    (anna,) = users.everyone(bridge.database)
    for page in (
        fill_in(administrator, f"/users/{anna.id}", role="viewer"),
        fill_in(administrator, f"/users/{anna.id}", to=f"/users/{anna.id}/disable"),
    ):
        assert (page.status_code, "There must be an administrator of all connections" in page.text) == (422, True)
    assert users.everyone(bridge.database) == [anna]


def test_an_administrator_of_some_connections_manages_no_users(web: Web, bridge: Bridge, per: User) -> None:
    other, _ = bridge.connections.add("Rival Holding", settings(), who="test", now=NOW)
    one = web.as_(Role.ADMINISTRATOR, connections=[web.connection.id, other.id])
    assert 'href="/users"' not in one.get("/account").text
    for path in ("/users", "/users/new", f"/users/{per.id}"):
        assert one.get(path).status_code == 404
    assert one.post("/users/new", email="eva@example.com").status_code == 404
