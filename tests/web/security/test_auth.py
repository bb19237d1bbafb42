"""Every route with every kind of user: a route without a rule, or with an unknown parameter, fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import select
from starlette.routing import Mount

from models.admin.operations import OperationType
from models.enums import Role, Scope
from models.schema.user_tables import SessionRow
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights
from tests.factories import NOW
from tests.web.conftest import Person, Web
from tests.web.crawler import Crawler, Form
from tests.web.customers import MARKS, OF_CONNECTIONS, SECRETS, Customer, content_hashes
from web.app import create_app
from web.security.auth import RequireRole, allow_all
from worker.container import Container, clock

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
    one, before = person(web, role, ours), content_hashes(container)
    nobodys = replace(rival, ids={**rival.ids, **dict.fromkeys(OF_CONNECTIONS, 999_999)})
    for rule in (each for each in rules() if each.is_of_connection):
        there, nowhere = (
            one.ask(rule.method, rule.address(of), data={"csrf": one.csrf}) for of in (rival, nobodys)
        )
        assert (there.status_code, there.text) == (404, nowhere.text), rule
    assert content_hashes(container) == before


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
        result = {"findings": [], "clients": [own, other], "accounts": []}
        container.operations.complete(asked[-1], result, now=NOW)
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
    before = content_hashes(container, rival)
    for role in Role:
        one = person(web, role, ours)
        for form in shown:
            for number in range(max(map(len, form.fields.values()), default=0)):
                filled = {name: values[number % len(values)] for name, values in form.fields.items() if values}
                where = "params" if form.method == "GET" else "data"
                answer = one.ask(form.method, form.action, **{where: {**filled, "csrf": one.csrf}})
                assert [mark for mark in MARKS if mark in answer.text] == [], (role, form)
        assert content_hashes(container, rival) == before


def test_reading_pages_changes_nothing(web: Web, container: Container, ours: Customer) -> None:
    one = web.as_(Role.ADMINISTRATOR)
    before = content_hashes(container)
    for rule in rules():
        one.ask("GET", rule.address(ours))
        assert content_hashes(container) == before, rule


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
    one, before = web.as_(Role.ADMINISTRATOR), content_hashes(container)
    for rule in (each for each in rules() if each.method != "GET" and each.may):
        answer = one.ask(rule.method, rule.address(ours), data={"csrf": one.csrf, **fields}, headers=headers)
        assert answer.status_code == 403, rule
    assert content_hashes(container) == before


def forms(one: Person) -> list[Form]:
    """Return the forms shown to a user; the one for signing out is last."""
    crawler = Crawler(one.url, [rule.path for rule in rules()], one.session())
    crawler.crawl("/")
    return sorted(crawler.forms(), key=lambda form: form.action == "/sign-out")


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
