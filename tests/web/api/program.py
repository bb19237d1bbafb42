"""A program with a token, with which the tests call the API."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import requests

from models.enums import Scope
from models.users import tokens
from models.users.tokens import Token, TokenScope
from worker.container import Container, clock

EVERYTHING = frozenset(TokenScope)


@dataclass
class Program:
    """Calls the API; ``token`` is sent, None for none."""

    url: str
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= self.headers | options.pop("headers", {})
        return requests.request(
            method, f"{self.url}/api/v1{path}", headers=headers, allow_redirects=False, timeout=20, **options
        )

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: object = None, **headers: str) -> requests.Response:
        return self.ask("POST", path, json=body, headers=headers)


@dataclass
class Tokens:
    container: Container

    def create(
        self, *scopes: TokenScope, connections: Iterable[int] | None = None, days: int = 1
    ) -> tuple[Token, str]:
        return tokens.create(
            self.container.database,
            "Partner ERP",
            scopes=frozenset(scopes) or EVERYTHING,
            scope=Scope(None if connections is None else frozenset(connections)),
            days=days,
            actor="test",
            now=clock(),
        )

    def program(self, url: str, *scopes: TokenScope, connections: Iterable[int] | None = None) -> Program:
        return Program(url, self.create(*scopes, connections=connections)[1])
