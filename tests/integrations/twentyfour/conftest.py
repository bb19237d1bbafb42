"""24SevenOffice as a plain SOAP server, and a client that reaches it with short timeouts, over a real Redis."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from redis import Redis

from integrations.shared_cache import SharedCache
from integrations.twentyfour.budget import Budget, Limits
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.session import Login, Session, SessionStore
from models.connections.vault import Vault
from tests.integrations.twentyfour.remote import Remote, serving


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        yield remote


@pytest.fixture
def budget(redis: Redis) -> Budget:
    return Budget(
        redis,
        limits=Limits(per_hour=7000, per_second=1000, connection_percent=75),
        clock=lambda: datetime.now(UTC),
    )


@pytest.fixture
def client(remote: Remote, budget: Budget) -> SoapClient:
    return SoapClient(api_url=remote.url, web_url=remote.url, budget=budget, connect_seconds=2, answer_seconds=0.5)


@pytest.fixture
def store(redis: Redis, vault: Vault) -> SessionStore:
    return SessionStore(redis, vault, login_seconds=5)


@pytest.fixture
def cache(redis: Redis, vault: Vault) -> SharedCache:
    return SharedCache(redis, vault).for_connection(1)


@pytest.fixture
def login() -> Login:
    return Login("app", "demo@example.com", SecretStr("demo-password"), "identity-1")


@pytest.fixture
def session(login: Login, client: SoapClient, store: SessionStore) -> Session:
    return Session(login, client=client, store=store)
