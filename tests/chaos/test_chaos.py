"""A few short days of ``make chaos``, and a check that it would notice a bug."""

import json
from collections import Counter

import pytest

from local.run import log
from tests.chaos.crashes import CUTS, POINTS, STOPS, Point
from tests.chaos.hosts import NoHostsError, hosts
from tests.chaos.planted_bugs import MISTAKES
from tests.chaos.report import report_of, summary
from tests.chaos.run_seed import Chaos, Played, play
from tests.chaos.short_timeouts import TIMEOUTS
from tests.chaos.verdict import Verdict


@pytest.mark.thousands
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_done_twice_on_a_chaotic_day(seed: int) -> None:
    played = short(seed)
    assert played.verdict == Verdict(), summary(played)
    assert len(played.faults) >= 12
    assert json.loads(json.dumps(report_of([played])))["lost"] == 0


@pytest.mark.thousands
def test_the_verdict_notices_unsaved_links_and_vouchers_posted_unverified() -> None:
    played = short(3, "links forgotten", "posted blindly")
    assert any("invoice" in each for each in played.verdict.duplicated), summary(played)


def test_a_machine_without_network_namespaces_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoHostsError, match="unshare"):
        hosts(["worker"])


def test_the_report_names_faults_that_the_machine_does_not_allow() -> None:
    day = Played(
        seed=1, faults=Counter(slow=1), verdict=Verdict(), seconds=1, longest=0, left_out="cut off: no namespaces"
    )
    assert "Left out, as this machine does not allow it: cut off: no namespaces" in summary(day)
    assert report_of([day, day])["left_out"] == {"cut off: no namespaces": 2}


def short(seed: int, *mistakes: str) -> Played:
    chaos = Chaos(seed=seed, seconds=6, size=0.5, mistakes=mistakes)
    return play(chaos, log=log)


@pytest.mark.parametrize("point", [*POINTS, *CUTS, *STOPS], ids=lambda point: f"{point.name}, {point.action}")
def test_every_crash_point_is_in_the_code_of_the_product(point: Point) -> None:
    assert callable(getattr(point.owner, point.function))


def test_every_shortened_wait_exists_in_the_product() -> None:
    assert [name for module, name, _ in TIMEOUTS if not hasattr(module, name)] == []


@pytest.mark.parametrize("name", MISTAKES)
def test_every_planted_bug_replaces_code_of_the_product(name: str) -> None:
    owner, method, _ = MISTAKES[name]
    assert callable(getattr(owner, method))
