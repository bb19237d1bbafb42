"""Programs that call the API with a token."""

import pytest

from tests.web.api.program import Program, Tokens
from tests.web.conftest import Web
from worker.container import Container


@pytest.fixture
def tokens(container: Container) -> Tokens:
    return Tokens(container)


@pytest.fixture
def program(web: Web, tokens: Tokens) -> Program:
    """A program whose token is for everything."""
    return tokens.program(web.url)
