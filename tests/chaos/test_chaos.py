"""A few short days of ``make chaos``, and that it would notice a mistake."""

from __future__ import annotations

import json

import pytest

from local.run import say
from tests.chaos.play import Chaos, Played, play
from tests.chaos.report import report_of, told
from tests.chaos.verdict import Verdict


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_done_twice_on_a_chaotic_day(seed: int) -> None:
    played = short(seed)
    assert played.verdict == Verdict(), told(played)
    assert len(played.faults) >= 12
    assert json.loads(json.dumps(report_of([played])))["lost"] == 0


def test_the_checker_notices_links_saved_never_and_vouchers_posted_without_a_look() -> None:
    played = short(3, "links forgotten", "posted blindly")
    assert any("invoice" in each for each in played.verdict.duplicated), told(played)


def short(seed: int, *mistakes: str) -> Played:
    chaos = Chaos(seed=seed, seconds=6, size=0.5, mistakes=mistakes)
    return play(chaos, say=say)
