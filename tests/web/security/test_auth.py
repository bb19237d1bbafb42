"""Every route with every kind of user: a route without a rule, or with an unknown parameter, fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr
from sqlalchemy import select, text
from starlette.routing import Mount

from models.admin.operations import OperationType
from models.connections.repository import Connection
from models.enums import Role, Scope
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES
from models.schema.tables import Base
from models.schema.user_tables import SessionRow
from models.users import repository as users
from models.users import sessions, tokens
from models.users.repository import Rights
from models.users.tokens import TokenScope
from sync.error_codes import ERROR_CODES
from tests.factories import NOW, settings
from tests.installation import add_failed_job
from tests.web.conftest import Person, Web
from tests.web.crawler import Form, Surfer
from web.app import create_app
from web.security.auth import RequireRole, allow_all
from worker.container import Container, clock

OF_CONNECTIONS = ("connection_id", "job_id", "operation_id")
"""Path parameters of a connection's objects; a user who does not see the connection sees none of them."""

SECRETS = ("rival-key-4711", "rival-password-4711")
MARKS = ("Rival Holding", "Invoice 777123", "@rival.example", "https://rival.example", *SECRETS)
"""Texts that only the other customer may see."""

EVERYBODY = (None, *Role)
"""None is a person who is not signed in."""


@dataclass(frozen=True)
class Rule:
    """The responses of a route, and who may use it; ``may`` is None if everyone may."""

    method: str
    path: str
    may: RequireRole | None

    @property
    def is_of_connection(self) -> bool:
        return any(f"{{{name}}}" in self.path for name in OF_CONNECTIONS)

    def address(self, of: Customer) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: str(of.ids[found[1]]), self.path)

    def allows(self, status: int, role: Role | None, *, everywhere: bool = False) -> bool:
        """Return whether such a user may get this response; forms are sent without their CSRF token."""
        if self.may is None:
            return status < 500
        if role is None:
            return status == 303
        if not role.covers(self.may.role) or self.may.everywhere > everywhere:
            return status == 404
        return status in ({200, 400} if self.method == "GET" else {403})  # 400: the URL is incomplete


@cache
def rules() -> tuple[Rule, ...]:
    return tuple(_rules())


def _rules() -> Iterator[Rule]:
    for route in iter_route_contexts(create_app().routes):
        if isinstance(route.original_route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route.original_route, APIRoute)
        asks = [each.call for each in route.dependant.dependencies]
        may = next((each for each in asks if isinstance(each, RequireRole)), None)
        assert may or allow_all in asks, f"{route.path} asks for no role and is not Open: see web/security/auth.py"
        for method in route.methods or ():
            yield Rule(method, str(route.path), may)


@dataclass(frozen=True)
class Customer:
    """A customer's connection, and the id of one object of each kind in paths."""

    connection: Connection
    ids: Mapping[str, object]


def customer(container: Container, connection: Connection, token: str, *, title: str) -> Customer:
    job_id = add_failed_job(container, connection, title=title)
    days = {"first": "2026-10-01", "last": "2026-10-31"}
    operation_id = container.operations.request(
        OperationType.RECONCILIATION, connection.id, input_=days, actor="test", now=NOW
    )
    rights = Rights(Role.VIEWER, Scope(frozenset({connection.id})))
    email = f"per@{connection.name.split()[0].lower()}.example"
    user = users.add(container.database, email, rights, password=None, actor=email, now=NOW)
    token_id = tokens.create(
        container.database, "ERP", scopes=frozenset(TokenScope), scope=rights.scope, actor="test", now=NOW
    )[0].id
    of_connection = {"connection_id": connection.id, "job_id": job_id, "operation_id": operation_id}
    ids: dict[str, object] = {**of_connection, "user_id": user.id, "token_id": token_id}
    ids |= receiver_of(container, connection)
    return Customer(connection, {**ids, "token": token, "error_code": next(iter(ERROR_CODES))})


def receiver_of(container: Container, connection: Connection) -> dict[str, object]:
    url, scope = f"https://{connection.name.split()[0].lower()}.example", Scope(frozenset({connection.id}))
    receiver, _ = container.receivers.add(url, EVENT_TYPES, scope, actor="test", now=NOW)
    container.receivers.test(receiver.id, now=NOW)
    (delivery,) = deliveries.log_page(container.database, receiver.id, key=None).lines
    return {"receiver_id": receiver.id, "delivery_id": delivery.id}


@pytest.fixture
def ours(web: Web, container: Container) -> Customer:
    return customer(container, web.connection, web.webhook_url.rpartition("/")[2], title="Invoice 1024")


@pytest.fixture
def rival(container: Container) -> Customer:
    key, password = map(SecretStr, SECRETS)
    own = {"moment_company": "rival", "username": "bridge@rival.example", "error_emails": ("books@rival.example",)}
    connection, token = container.connections.add(
        "Rival Holding", settings(moment_api_key=key, password=password, **own), actor="eva@rival.example", now=NOW
    )
    return customer(container, connection, token, title="Invoice 777123")


def person(web: Web, role: Role | None, of: Customer) -> Person:
    return web.as_(role, connections=[of.connection.id]) if role else web.nobody()


@pytest.mark.parametrize("role", EVERYBODY)
def test_users_may_do_what_their_role_allows_at_their_own_customer(
    web: Web, ours: Customer, role: Role | None
) -> None:
    one = person(web, role, ours)
    for rule in rules():
        answer = one.ask(rule.method, rule.address(ours))
        assert rule.allows(answer.status_code, role), (rule, answer.status_code)


def test_administrators_of_all_customers_may_do_everything(web: Web, ours: Customer, rival: Customer) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    for rule in rules():
        for of in (ours, rival):
            answer = one.ask(rule.method, rule.address(of))
            assert rule.allows(answer.status_code, Role.ADMINISTRATOR, everywhere=True), (rule, answer.status_code)


@pytest.mark.parametrize("role", Role)
def test_another_customers_data_looks_like_missing_data(
    web: Web, container: Container, ours: Customer, rival: Customer, role: Role
) -> None:
    one, before = person(web, role, ours), held(container)
    nobodys = replace(rival, ids={**rival.ids, **dict.fromkeys(OF_CONNECTIONS, 999_999)})
    for rule in (each for each in rules() if each.is_of_connection):
        there, nowhere = (
            one.ask(rule.method, rule.address(of), data={"csrf": one.csrf}) for of in (rival, nobodys)
        )
        assert (there.status_code, there.text) == (404, nowhere.text), rule
    assert held(container) == before


@pytest.mark.parametrize("role", EVERYBODY)
def test_no_page_reveals_another_customer(web: Web, ours: Customer, rival: Customer, role: Role | None) -> None:
    one, number = person(web, role, ours), rival.connection.id
    for rule in rules():
        for query in ("", f"?connection={number}&connection_id={number}"):
            page = one.ask("GET", rule.address(ours) + query)
            assert [mark for mark in MARKS if mark in page.text] == [], (rule, query)


@pytest.mark.parametrize("role", Role)
def test_no_page_reveals_which_other_clients_a_login_reaches(
    web: Web, container: Container, ours: Customer, role: Role
) -> None:
    own, other = {"id": "4711-own", "name": "Own AS"}, {"id": "4711-rival", "name": "Rival Holding"}
    asked = []
    for operation_type in (OperationType.DIAGNOSTICS, OperationType.CLIENTS):
        asked.append(
            container.operations.request(
                operation_type, ours.connection.id, input_={"username": "u"}, actor="test", now=NOW
            )
        )
        told = {"findings": [], "clients": [own, other], "accounts": []}
        container.operations.complete(asked[-1], told, now=NOW)
    one = person(web, role, ours)
    for rule in rules():
        for number in asked:
            address = rule.address(replace(ours, ids={**ours.ids, "operation_id": number}))
            page = one.ask("GET", f"{address}?operation={number}")
            assert [each for each in other.values() if each in page.text] == [], (rule, address)


def test_no_page_reveals_a_secret(web: Web, rival: Customer) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    for rule in rules():
        page = one.ask("GET", rule.address(rival))
        assert [secret for secret in SECRETS if secret in page.text] == [], rule


def test_forms_for_another_customer_are_refused(
    web: Web, container: Container, ours: Customer, rival: Customer
) -> None:
    shown = forms(web.as_(Role.ADMINISTRATOR, connections=[rival.connection.id]))
    before = held(container, rival)
    for role in Role:
        one = person(web, role, ours)
        for form in shown:
            for number in range(max(map(len, form.fields.values()), default=0)):
                filled = {name: values[number % len(values)] for name, values in form.fields.items() if values}
                where = "params" if form.method == "GET" else "data"
                answer = one.ask(form.method, form.action, **{where: {**filled, "csrf": one.csrf}})
                assert [mark for mark in MARKS if mark in answer.text] == [], (role, form)
        assert held(container, rival) == before


def test_reading_pages_changes_nothing(web: Web, container: Container, ours: Customer) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    before = held(container)
    for rule in rules():
        one.ask("GET", rule.address(ours))
        assert held(container) == before, rule


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
        ({}, {"Origin": "https://elsewhere.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Content-Type": "text/plain"}),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}),
    ],
)
def test_a_form_without_a_valid_token_changes_nothing(
    web: Web, container: Container, ours: Customer, fields: dict[str, str], headers: dict[str, str]
) -> None:
    one, before = web.as_(Role.ADMINISTRATOR), held(container)
    for rule in (each for each in rules() if each.method != "GET" and each.may):
        answer = one.ask(rule.method, rule.address(ours), data={"csrf": one.csrf, **fields}, headers=headers)
        assert answer.status_code == 403, rule
    assert held(container) == before


def forms(one: Person) -> list[Form]:
    """Return the forms shown to a user; the one for signing out is last."""
    surfer = Surfer(one.url, [rule.path for rule in rules()], one.session())
    surfer.look_around("/")
    return sorted(surfer.forms(), key=lambda form: form.action == "/sign-out")


def held(container: Container, of: Customer | None = None) -> dict[str, str]:
    """Return the content of the database, of one customer or of all, without sessions."""
    seen = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {} t {}"
    with container.database.transaction() as session:
        return {table: session.scalar(text(seen.format(table, which))) for table, which in tables(of)}


def tables(of: Customer | None) -> Iterator[tuple[str, str]]:
    for table in Base.metadata.sorted_tables:
        if of is None and table.name != SessionRow.__tablename__:
            yield table.name, ""
        elif of and "connection_id" in table.columns:
            yield table.name, f"WHERE connection_id = {of.connection.id}"
    if of:
        yield "connections", f"WHERE id = {of.connection.id}"
        yield "attempts", f"WHERE job_id = {of.ids['job_id']}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_a_page_that_reloads_itself_does_not_extend_the_session(
    web: Web, container: Container, method: str
) -> None:
    begun, rights = clock() - timedelta(hours=11), Rights(Role.VIEWER, Scope())
    user = users.add(container.database, "anna@example.com", rights, password=None, actor="test", now=begun)
    person = Person(web.url, token=sessions.start(container.database, user.id, now=begun))
    person.ask(method, "/account", data={"csrf": person.csrf}, headers={"X-Part": "1"})
    last = container.database.scalar(select(SessionRow.seen_at).where(SessionRow.user_id == user.id))
    assert last
    assert (last > begun) == (method == "POST")
