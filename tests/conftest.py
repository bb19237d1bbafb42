"""Real servers for the tests: one PostgreSQL and one Redis for all, an empty database for each."""

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from redis import Redis

from local import servers
from models.connections.repository import Connections
from models.connections.vault import Vault
from models.database import Database, migrate
from models.users import passwords
from tests.databases import Databases, OpenDatabase, compiling_once
from tests.sandbox.serving import Host, Systems, sandbox, serving

# A slow machine must not fail a test. The examples are the same each time, so that a test fails for the change that
# broke it; only the profiles with thousands of examples look for new ones.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("thousands", settings.get_profile("house"), derandomize=False)
settings.register_profile("fuzz", settings.get_profile("thousands"), max_examples=2500)
settings.load_profile("house")

# A shell makes its background processes, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def real_hasher() -> Iterator[PasswordHasher]:
    """The product's password hasher; the tests use one that takes a millisecond instead."""
    with pytest.MonkeyPatch.context() as patch:
        real = passwords._hasher  # noqa: SLF001 - the tests replace it
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield real


@pytest.fixture(scope="session", autouse=True)
def _compiling_once() -> Iterator[None]:
    with compiling_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def _generous_counting_limit() -> Iterator[None]:
    """Let pages count for long, so that what they show does not depend on the load of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.database.COUNTING_LIMIT", timedelta(seconds=20))
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """PostgreSQL for the whole run; a test that stops it must start it again."""
    with servers.postgres(tmp_path_factory.mktemp("servers") / "postgres", port=0, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """Redis for the whole run; a test that stops it must start it again."""
    with servers.redis(tmp_path_factory.mktemp("servers") / "redis", port=0) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: servers.Server) -> str:
    """The URL of an empty Redis."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture(scope="session")
def databases(postgres: servers.Server) -> Iterator[Databases]:
    """The source of migrated, empty databases."""
    databases = Databases(postgres, "template")
    databases.hash_password_once()
    databases.execute("CREATE DATABASE template")
    migrate(SecretStr(databases.address("template")))
    yield databases
    databases.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a migrated database without rows."""
    name = databases.take()
    yield databases.address(name)
    databases.give_back(name)


@pytest.fixture(scope="session")
def open_database(databases: Databases) -> Iterator[OpenDatabase]:
    open_database = OpenDatabase(databases)
    yield open_database
    open_database.close()


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Our own database, migrated and empty."""
    if "database_url" in request.fixturenames:  # the test also connects by the URL
        database = Database(SecretStr(request.getfixturevalue("database_url")), pool_size=2)
        yield database
        database.close()
    else:
        open_database: OpenDatabase = request.getfixturevalue("open_database")
        yield open_database.take()
        open_database.give_back()


@pytest.fixture
def vault() -> Vault:
    """A vault with a new key."""
    return Vault([SecretStr(Fernet.generate_key().decode())])


@pytest.fixture
def connections(database: Database, vault: Vault) -> Connections:
    """The connections of that database."""
    return Connections(database, vault)


@pytest.fixture(scope="session")
def systems() -> Iterator[Systems]:
    """The URLs of Moment, 24SevenOffice and the mail server, for the whole run."""
    with sandbox() as (addresses, _):
        yield addresses


@pytest.fixture
def fresh_systems(systems: Systems) -> Systems:
    """The same systems, with their initial data restored."""
    for system in ("moment", "twentyfour"):
        systems.control(system, "POST", "reset")
    systems.control(
        "twentyfour", "PUT", "limits", {"per_second": 1000}
    )  # otherwise most tests would wait for a second
    systems.control("mail", "DELETE", "mails")
    return systems


@pytest.fixture(scope="session")
def host() -> Iterator[tuple[Host, str]]:
    """The server of the web for one test after another, and its URL."""
    host = Host()
    with serving(host) as url:
        yield host, url
