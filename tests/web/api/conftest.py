"""Programs that call the API with a token."""

import pytest

from tests.web.api.program import Tokens
from worker.container import Container


@pytest.fixture
def tokens(container: Container) -> Tokens:
    return Tokens(container)
