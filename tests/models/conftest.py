"""A connection in a real, empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories import NOW, settings

if TYPE_CHECKING:
    from models.connections.repository import Connection, Connections


@pytest.fixture
def connection(connections: Connections) -> Connection:
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection
