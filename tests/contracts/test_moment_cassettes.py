import re

import pytest

from tests.contracts.record_moment import CASSETTES, MOMENT, tape
from tests.contracts.stage_moment import RECORDED_CALLS, calling

RECORDED = {path.stem: path.read_text() for path in sorted(CASSETTES.glob("*.yaml"))}


@pytest.mark.parametrize("name", RECORDED_CALLS)
def test_the_client_sends_the_recorded_request_and_reads_the_response(name: str) -> None:
    with tape().use_cassette(name) as cassette, calling(MOMENT) as gateway:
        assert RECORDED_CALLS[name].call(gateway) == RECORDED_CALLS[name].result
        assert cassette.all_played


def test_every_cassette_is_played() -> None:
    assert RECORDED.keys() == RECORDED_CALLS.keys()


def test_no_cassette_contains_a_key() -> None:
    assert not re.search("authorization|apikey|moment-demo-key", "".join(RECORDED.values()), re.IGNORECASE)
