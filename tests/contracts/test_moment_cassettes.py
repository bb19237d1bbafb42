import re

import pytest

from tests.contracts.record_moment import CASSETTES, MOMENT, tape
from tests.contracts.stage_moment import SCENES, calling

RECORDED = {path.stem: path.read_text() for path in sorted(CASSETTES.glob("*.yaml"))}


@pytest.mark.parametrize("name", SCENES)
def test_the_client_sends_the_recorded_request_and_reads_the_response(name: str) -> None:
    with tape().use_cassette(name) as cassette, calling(MOMENT) as gateway:
        assert SCENES[name].play(gateway) == SCENES[name].gives
        assert cassette.all_played


def test_every_cassette_is_played() -> None:
    assert RECORDED.keys() == SCENES.keys()


def test_no_cassette_contains_a_key() -> None:
    assert not re.search("authorization|apikey|moment-demo-key", "".join(RECORDED.values()), re.IGNORECASE)
