from collections.abc import Iterator

import pytest

from config.logging import configure
from tests.installation import own_logging
from tests.sandbox.serving import Systems
from tests.worker.broken_connection import BreakableConnection, healthy_connection
from worker.container import Container


@pytest.fixture(autouse=True)
def logging_as_commands_do() -> Iterator[None]:
    """Log to standard error, apart from a command's output."""
    with own_logging():
        configure("text", level="INFO")
        yield


@pytest.fixture
def breakable(container: Container, fresh_systems: Systems) -> BreakableConnection:
    return healthy_connection(container, fresh_systems)
