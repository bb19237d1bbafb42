"""A connection in a real, empty database."""

import pytest

from models.connections.repository import Connection, Connections
from tests.factories import NOW, settings


@pytest.fixture
def connection(connections: Connections) -> Connection:
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection
