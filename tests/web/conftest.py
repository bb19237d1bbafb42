"""The web process on a free port, with one connection and signed-in users."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import requests

from i18n.catalog import Language
from models.connections.repository import Connection
from models.enums import Role, Scope
from models.users import repository as users
from models.users import sessions
from models.users.repository import Rights
from tests.factories import NOW, settings
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import Host
from tests.web.customers import Customer, add_objects, add_rival
from tests.web.http_browser import legible
from web.app import create_app
from web.security.cookies import SESSION
from web.security.csrf import csrf_token
from worker.container import Container, clock

numbers = itertools.count(1)


class Person:
    """A user with a browser; redirects are not followed, so that a test sees them."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.url = url
        self.csrf = csrf_token(token)
        self.cookies = {"Cookie": f"{SESSION.full_name(https=True)}={token}"} if token else {}

    def get(self, path: str, **query: str) -> requests.Response:
        return self.ask("GET", path, params=query)

    def post(self, path: str, **fields: str | list[str]) -> requests.Response:
        """Post a form of a page; ``csrf=""`` leaves out its CSRF token."""
        return self.ask("POST", path, data={"csrf": self.csrf, **fields})

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = self.cookies | options.pop("headers", {})
        url = f"{self.url}{path}"
        return legible(
            requests.request(method, url, headers=headers, allow_redirects=False, timeout=10, **options)
        )

    def session(self) -> requests.Session:
        """Open pages with a session that keeps cookies."""
        session = requests.Session()
        session.headers.update(self.cookies)
        return session


class Web:
    """The web from outside, with the address of the connection's webhook."""

    def __init__(self, url: str, container: Container, connection: Connection, token: str) -> None:
        self.url = url
        self._container = container
        self.connection = connection
        self.webhook_url = f"{url}/webhooks/moment/{token}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=10)

    def as_(
        self, role: Role, *, connections: Iterable[int] | None = None, language: Language = Language.ENGLISH
    ) -> Person:
        """Sign in a new user, for these connections or for all."""
        rights = Rights(role, Scope(None if connections is None else frozenset(connections)))
        email = f"{role}-{next(numbers)}@example.com"
        user = users.add(self._container.database, email, rights, password=None, actor="test", now=NOW)
        users.set_language(self._container.database, user.id, language)
        return Person(self.url, token=sessions.start(self._container.database, user.id, now=clock()))

    def nobody(self) -> Person:
        """Return a person who is not signed in."""
        return Person(self.url)

    def notify(self, body: bytes) -> requests.Response:
        return requests.post(self.webhook_url, data=body, timeout=10)


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url) | {
        "MOMENT_RECORD_URL": "https://moment.example/{company}/{kind}/{id}"
    }


@pytest.fixture
def container(environ: dict[str, str]) -> Iterator[Container]:
    with installed(environ) as container:
        yield container


@pytest.fixture
def web(container: Container, host: tuple[Host, str]) -> Iterator[Web]:
    connection, token = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    server, url = host
    with own_logging(), server.serves(create_app()):
        yield Web(url, container, connection, token)


@pytest.fixture
def administrator(web: Web) -> Person:
    return web.as_(Role.ADMINISTRATOR)


@pytest.fixture
def ours(web: Web, container: Container) -> Customer:
    """The customer of the tested users, whose connection is that of ``web``."""
    return add_objects(container, web.connection, web.webhook_url.rpartition("/")[2], title="Invoice 1024")


@pytest.fixture
def rival(container: Container) -> Customer:
    return add_rival(container)
