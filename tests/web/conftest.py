"""The web process on a free port, with one connection, and people who are signed in to it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import requests

from language.catalogue import Language
from models import users, visits
from models.users import Rights
from models.words import Role, Scope
from tests.factories import NOW, settings
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import Host, serving
from web.app import create_app
from web.cookies import SESSION
from web.forms import proof
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from models.connections import Connection
    from worker.wiring import Bridge

numbers = itertools.count(1)


class Person:
    """Somebody with a browser; redirects are not followed, so that a test sees them."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.url = url
        self.csrf = proof(token)
        self.cookies = {"Cookie": f"{SESSION.full_name}={token}"} if token else {}

    def get(self, path: str, **query: str) -> requests.Response:
        return self.ask("GET", path, params=query)

    def post(self, path: str, **fields: str | list[str]) -> requests.Response:
        """Fill in a form of a page; ``csrf=""`` leaves out what a form of ours carries."""
        return self.ask("POST", path, data={"csrf": self.csrf, **fields})

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = self.cookies | options.pop("headers", {})
        url = f"{self.url}{path}"
        return requests.request(method, url, headers=headers, allow_redirects=False, timeout=10, **options)

    def session(self) -> requests.Session:
        """Look at the pages with what keeps cookies by itself."""
        session = requests.Session()
        session.headers.update(self.cookies)
        return session


class Web:
    """The web as the world sees it, and the address of the connection's webhook."""

    def __init__(self, url: str, bridge: Bridge, connection: Connection, token: str) -> None:
        self.url = url
        self._bridge = bridge
        self.connection = connection
        self.hook = f"{url}/hooks/moment/{token}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=10)

    def as_(
        self, role: Role, *, connections: Iterable[int] | None = None, language: Language = Language.ENGLISH
    ) -> Person:
        """Sign somebody new in, for these connections or for all."""
        rights = Rights(role, Scope(None if connections is None else frozenset(connections)))
        email = f"{role}-{next(numbers)}@example.com"
        user = users.add(self._bridge.database, email, rights, password=None, who="test", now=NOW)
        users.speak(self._bridge.database, user.id, language)
        return Person(self.url, token=visits.begin(self._bridge.database, user.id, now=clock()))

    def nobody(self) -> Person:
        """Tell of somebody who is not signed in."""
        return Person(self.url)

    def notify(self, body: bytes) -> requests.Response:
        return requests.post(self.hook, data=body, timeout=10)


@pytest.fixture
def bridge(database_url: str, redis_url: str) -> Iterator[Bridge]:
    with installed(environment(database_url, redis_url)) as bridge:
        yield bridge


@pytest.fixture(scope="session")
def host() -> Iterator[tuple[Host, str]]:
    """What serves the web of one test after another, and its address."""
    host = Host()
    with serving(host) as url:
        yield host, url


@pytest.fixture
def web(bridge: Bridge, host: tuple[Host, str]) -> Iterator[Web]:
    connection, token = bridge.connections.add("Demo AS", settings(), who="test", now=NOW)
    server, url = host
    with own_logging(), server.serves(create_app()):
        yield Web(url, bridge, connection, token)
