from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from local import demo_company
from local.stack import NotRunningError, Plan, Stack
from models.connections.repository import Connections
from models.connections.vault import Vault
from models.database import Database
from tests.factories import settings

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def stack(tmp_path: Path, database_url: str) -> Stack:
    stack = Stack(Plan(state=tmp_path, environ={}, temporary=True), log=lambda name, text: None)  # noqa: ARG005 - not read
    stack.environment = {"DATABASE_URL": database_url, "SECRET_KEYS": OLD, "PUBLIC_URL": "http://127.0.0.1:8000"}
    return stack


@pytest.fixture
def connected(database: Database) -> None:
    Connections(database, Vault([SecretStr(OLD)])).add(demo_company.NAME, settings(), actor="", now=NOW)


def test_without_a_connection_there_is_no_url(stack: Stack) -> None:
    assert demo_company.create_webhook_url(stack, now=NOW) == ""


@pytest.mark.usefixtures("connected")
def test_the_url_is_new_at_each_start(stack: Stack) -> None:
    first, second = (demo_company.create_webhook_url(stack, now=NOW) for _ in range(2))
    assert first.startswith("http://127.0.0.1:8000/webhooks/moment/")
    assert first != second


@pytest.mark.usefixtures("connected")
def test_keys_that_decrypt_nothing_are_reported(stack: Stack) -> None:
    stack.environment["SECRET_KEYS"] = NEW
    with pytest.raises(NotRunningError, match="None of the SECRET_KEYS can decrypt the stored secrets"):
        demo_company.create_webhook_url(stack, now=NOW)
    stack.environment["SECRET_KEYS"] = f"{NEW},{OLD}"
    assert demo_company.create_webhook_url(stack, now=NOW)
