"""The web process on a free port, with one connection; nobody else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.factories import NOW, settings
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import serving
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.connections import Connection
    from worker.wiring import Bridge


class Web:
    """The web as the world sees it, and the address of the connection's webhook."""

    def __init__(self, url: str, connection: Connection, token: str) -> None:
        self.url = url
        self.connection = connection
        self.hook = f"{url}/hooks/moment/{token}"

    def get(self, path: str, *, password: str = "") -> requests.Response:
        auth = ("anyone", password) if password else None
        return requests.get(f"{self.url}{path}", auth=auth, timeout=10)

    def notify(self, body: bytes) -> requests.Response:
        return requests.post(self.hook, data=body, timeout=10)


@pytest.fixture
def bridge(database_url: str, redis_url: str) -> Iterator[Bridge]:
    with installed(environment(database_url, redis_url)) as bridge:
        yield bridge


@pytest.fixture
def web(bridge: Bridge) -> Iterator[Web]:
    connection, token = bridge.connections.add("Demo AS", settings(), who="test", now=NOW)
    with own_logging(), serving(create_app()) as url:
        yield Web(url, connection, token)
