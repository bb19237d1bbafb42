"""Every route of the API with every kind of token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import requests

from models.enums import Scope
from models.users import tokens as models
from models.users.tokens import TokenScope
from tests.web.api.program import EVERYTHING, Program, Tokens
from tests.web.conftest import Web
from tests.web.customers import MARKS, OF_CONNECTIONS, SECRETS, Customer, content_hashes
from web.api.app import get_api, scopes_of
from worker.container import Container, clock

READING = {each for each in TokenScope if each.endswith(":read")}


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    scope: TokenScope
    everywhere: bool

    def ask(self, program: Program, of: Customer) -> requests.Response:
        """Send the least that the route needs: an empty object if it may have a body."""
        path = re.sub(r"\{(\w+)\}", lambda found: str(of.ids[found[1]]), self.path)
        body: dict[str, Any] = {"json": {}} if self.method in {"post", "patch"} else {}
        return program.ask(self.method.upper(), path, **body)

    @property
    def is_of_connection(self) -> bool:
        return any(f"{{{name}}}" in self.path for name in OF_CONNECTIONS)


def routes() -> Iterator[Route]:
    for (path, method), needs in scopes_of(get_api()):
        yield Route(path, method, needs.scope, needs.everywhere)


def test_no_route_answers_without_a_valid_token(
    web: Web, container: Container, tokens: Tokens, ours: Customer
) -> None:
    revoked, revoked_text = tokens.create()
    models.revoke(container.database, revoked.id, actor="test", now=clock())
    long_ago = clock() - timedelta(days=2)
    _, expired_text = models.create(
        container.database, "old", scopes=EVERYTHING, scope=Scope(), days=1, actor="test", now=long_ago
    )
    before = content_hashes(container)
    for route in routes():
        for text in (None, "m24_" + "x" * 43, revoked_text, expired_text):
            assert route.ask(Program(web.url, text), ours).status_code == 401, route
    assert content_hashes(container) == before


def test_a_token_may_do_what_its_scopes_say(web: Web, tokens: Tokens, ours: Customer) -> None:
    number = ours.connection.id
    for route in routes():
        without = tokens.program(web.url, *(EVERYTHING - {route.scope}), connections=[number])
        refused = route.ask(without, ours)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing"), route
        bound = route.ask(tokens.program(web.url, route.scope, connections=[number]), ours)
        everywhere = route.ask(tokens.program(web.url, route.scope), ours)
        assert bound.status_code == 403 if route.everywhere else bound.status_code not in {401, 403}, route
        assert everywhere.status_code not in {401, 403}, route
        assert {bound.status_code, everywhere.status_code} & set(range(500, 600)) == set(), route


def test_another_connections_data_looks_like_missing_data(
    web: Web, container: Container, tokens: Tokens, ours: Customer, rival: Customer
) -> None:
    program = tokens.program(web.url, connections=[ours.connection.id])
    program.get("/connections")  # so that its use is recorded
    before = content_hashes(container)
    nobodys = replace(rival, ids={**rival.ids, **dict.fromkeys(OF_CONNECTIONS, 999_999)})
    for route in (each for each in routes() if each.is_of_connection):
        there, nowhere = route.ask(program, rival), route.ask(program, nobodys)
        if there.status_code != 422:  # invalid input is reported before access is checked
            assert (there.status_code, there.text) == (404, nowhere.text), route
        assert there.status_code == nowhere.status_code, route
    assert content_hashes(container) == before


def test_no_response_reveals_another_connection(web: Web, tokens: Tokens, ours: Customer, rival: Customer) -> None:
    program, number = tokens.program(web.url, connections=[ours.connection.id]), rival.connection.id
    for route in (each for each in routes() if each.method == "get"):
        for query in ("", f"?connection_id={number}", "?connection_name=Rival", "?name=Rival"):
            response = program.ask(
                "GET", re.sub(r"\{(\w+)\}", lambda at: str(ours.ids[at[1]]), route.path) + query
            )
            assert [mark for mark in MARKS if mark in response.text] == [], (route, query)


def test_no_response_reveals_a_secret(web: Web, tokens: Tokens, rival: Customer) -> None:
    program = tokens.program(web.url, *READING)
    for route in (each for each in routes() if each.method == "get"):
        assert [secret for secret in SECRETS if secret in route.ask(program, rival).text] == [], route


def test_reading_changes_nothing(web: Web, container: Container, tokens: Tokens, ours: Customer) -> None:
    program = tokens.program(web.url)
    program.get("/connections")
    before = content_hashes(container)
    for route in (each for each in routes() if each.method == "get"):
        route.ask(program, ours)
    assert content_hashes(container) == before
