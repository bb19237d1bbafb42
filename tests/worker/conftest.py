"""An installation whose remote systems are the sandbox, with one connection."""

from collections.abc import Iterator, Mapping

import pytest
import requests

from models.connections.repository import Connection
from tests.factories import NOW, settings
from tests.installation import environment, installed
from tests.sandbox.serving import sandbox
from worker.container import Container


@pytest.fixture(scope="session")
def systems() -> Iterator[dict[str, str]]:
    """Addresses of Moment, 24SevenOffice and the mail server, for the whole run."""
    with sandbox() as (addresses, _):
        yield addresses


@pytest.fixture
def fresh_systems(systems: dict[str, str]) -> dict[str, str]:
    """The same addresses, with the books as they were seeded."""
    for system in ("moment", "twentyfour"):
        requests.post(f"{systems[system]}/reset", timeout=10).raise_for_status()
    often = {"per_second": 1000}  # or most tests would wait for a second to be over
    requests.put(f"{systems['twentyfour']}/limits", json=often, timeout=10).raise_for_status()
    requests.delete(f"{systems['mail']}/mails", timeout=10).raise_for_status()
    return systems


@pytest.fixture
def environ(database_url: str, redis_url: str, fresh_systems: dict[str, str]) -> dict[str, str]:
    return environment(database_url, redis_url, fresh_systems)


@pytest.fixture
def container(environ: Mapping[str, str]) -> Iterator[Container]:
    with installed(environ) as container:
        yield container


@pytest.fixture
def connection(container: Container) -> Connection:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    return connection
