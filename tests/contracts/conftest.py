"""The sandbox's 24SevenOffice, with freshly seeded ledgers for each test, in each response format."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.contracts.stage_twentyfour import AROUND, Stranger, serving_twentyfour


@pytest.fixture(scope="module")
def urls() -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {way: stack.enter_context(serving_twentyfour(around=around)) for way, around in AROUND.items()}


@pytest.fixture(params=AROUND)
def stranger(request: pytest.FixtureRequest, urls: Mapping[str, str], redis_url: str) -> Iterator[Stranger]:
    with Stranger.arriving(urls[request.param], redis_url) as stranger:
        yield stranger
