"""An installation whose remote systems are the sandbox, with one connection."""

from collections.abc import Iterator, Mapping

import pytest

from models.connections.repository import Connection
from tests.factories import NOW, settings
from tests.installation import environment, installed
from tests.sandbox.serving import Systems
from worker.container import Container


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: Systems) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


@pytest.fixture
def container(environ: Mapping[str, str]) -> Iterator[Container]:
    with installed(environ) as container:
        yield container


@pytest.fixture
def connection(container: Container) -> Connection:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection
