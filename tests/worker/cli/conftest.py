from collections.abc import Iterator

import pytest

from config.logging import configure
from tests.installation import own_logging


@pytest.fixture(autouse=True)
def logging_as_commands_do() -> Iterator[None]:
    """Log to standard error, apart from a command's output."""
    with own_logging():
        configure("text", level="INFO")
        yield
