"""Real servers for the tests: one PostgreSQL and one Redis for all, a fresh database for each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import NullPool, create_engine, text

from local import servers
from models.base import Database, migrate
from models.connections import Connections
from models.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

numbers = itertools.count(1)

# How fast a machine makes examples says nothing of what they find.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", settings.get_profile("house"), max_examples=2500)
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """PostgreSQL for the whole run; a test that kills it starts it again."""
    with servers.postgres(tmp_path_factory.mktemp("servers") / "postgres", port=0, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """Redis for the whole run; a test that kills it starts it again."""
    with servers.redis(tmp_path_factory.mktemp("servers") / "redis", port=0) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: servers.Server) -> str:
    """Address of an empty Redis."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def template(postgres: servers.Server) -> str:
    """Name of a migrated database that each test gets a copy of."""
    execute(postgres, "CREATE DATABASE template")
    migrate(SecretStr(address(postgres, "template")))
    return "template"


@pytest.fixture
def database_url(postgres: servers.Server, template: str) -> Iterator[str]:
    """Address of a fresh, migrated database."""
    name = f"test_{next(numbers)}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield address(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def address(server: servers.Server, database: str) -> str:
    return server.url.removesuffix("/postgres") + f"/{database}"


def execute(server: servers.Server, statement: str) -> None:
    engine = create_engine(
        server.url.replace("postgresql", "postgresql+psycopg2", 1),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.execute(text(statement))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Our own database, fresh and migrated."""
    database = Database(SecretStr(database_url), pool_size=2)
    yield database
    database.close()


@pytest.fixture
def connections(database: Database) -> Connections:
    """The connections of that database, their secrets under a key of this test."""
    return Connections(database, Vault([SecretStr(Fernet.generate_key().decode())]))
