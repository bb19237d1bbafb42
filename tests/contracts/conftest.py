"""The sandbox with seeded data for each test: Moment, and 24SevenOffice in each form of its responses."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from integrations.moment.gateway import MomentGateway
from tests.contracts.stage_moment import MomentSandbox, calling, serving_moment
from tests.contracts.stage_twentyfour import AROUND, TwentyFourSandbox, serving_twentyfour


@pytest.fixture(scope="module")
def moment_url() -> Iterator[str]:
    with serving_moment() as url:
        yield url


@pytest.fixture
def moment_sandbox(moment_url: str) -> MomentSandbox:
    """Moment with a customer, a project with its activity, and the draft of an invoice."""
    moment_sandbox = MomentSandbox(moment_url)
    moment_sandbox.reset()
    return moment_sandbox


@pytest.fixture
def gateway(moment_sandbox: MomentSandbox) -> Iterator[MomentGateway]:
    with calling(moment_sandbox.url) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def urls() -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {way: stack.enter_context(serving_twentyfour(around=around)) for way, around in AROUND.items()}


@pytest.fixture(params=AROUND)
def twentyfour_sandbox(
    request: pytest.FixtureRequest, urls: Mapping[str, str], redis_url: str
) -> Iterator[TwentyFourSandbox]:
    with TwentyFourSandbox.fresh(urls[request.param], redis_url) as twentyfour_sandbox:
        yield twentyfour_sandbox
