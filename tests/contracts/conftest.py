"""The sandbox's 24SevenOffice, with seeded books for each test."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.contracts.stage_twentyfour import Stranger, serving_twentyfour


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_twentyfour() as url:
        yield url


@pytest.fixture
def stranger(url: str, redis_url: str) -> Iterator[Stranger]:
    with Redis.from_url(redis_url) as redis:
        stranger = Stranger(url, redis)
        stranger.control("POST", "/reset")
        yield stranger
