"""Receivers beside the connection of a real, empty database."""

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.connections.vault import Vault
from models.database import Database
from models.receivers.repository import Receivers


@pytest.fixture
def vault() -> Vault:
    return Vault([SecretStr(Fernet.generate_key().decode())])


@pytest.fixture
def receivers(database: Database, vault: Vault) -> Receivers:
    return Receivers(database, vault, private_networks=False)
