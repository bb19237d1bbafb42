"""A connection and receivers in a real, empty database."""

import pytest

from models.connections.repository import Connection, Connections
from models.connections.vault import Vault
from models.database import Database
from models.receivers.repository import Receivers
from tests.factories import NOW, settings


@pytest.fixture
def connection(connections: Connections) -> Connection:
    connection, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection


@pytest.fixture
def receivers(database: Database, vault: Vault) -> Receivers:
    return Receivers(database, vault, private_networks=False)
