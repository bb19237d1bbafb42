"""The sandbox with seeded books for each test: Moment, and 24SevenOffice in each way of writing responses."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from integrations.moment.gateway import MomentGateway
from tests.contracts.stage_moment import Office, calling, serving_moment
from tests.contracts.stage_twentyfour import AROUND, Stranger, serving_twentyfour


@pytest.fixture(scope="module")
def moment_url() -> Iterator[str]:
    with serving_moment() as url:
        yield url


@pytest.fixture
def office(moment_url: str) -> Office:
    """Moment with a customer, a project with its activity, and the draft of an invoice."""
    office = Office(moment_url)
    office.reset()
    return office


@pytest.fixture
def gateway(office: Office) -> Iterator[MomentGateway]:
    with calling(office.url) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def urls() -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {way: stack.enter_context(serving_twentyfour(around=around)) for way, around in AROUND.items()}


@pytest.fixture(params=AROUND)
def stranger(request: pytest.FixtureRequest, urls: Mapping[str, str], redis_url: str) -> Iterator[Stranger]:
    with Stranger.arriving(urls[request.param], redis_url) as stranger:
        yield stranger
