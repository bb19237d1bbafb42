from __future__ import annotations

from datetime import timedelta

import pytest

from sync.backoff import CRASH, UNAVAILABLE, UNCERTAIN, Policy, policy_of, wait
from sync.errors import Unavailable, Uncertain


@pytest.mark.parametrize(
    ("error", "policy"), [(Unavailable(""), UNAVAILABLE), (Uncertain(""), UNCERTAIN), (KeyError(), CRASH)]
)
def test_the_consequence_chooses_the_policy(error: Exception, policy: Policy) -> None:
    assert policy_of(error) is policy


@pytest.mark.parametrize("policy", [UNAVAILABLE, UNCERTAIN, CRASH])
def test_waits_grow_up_to_the_longest_and_stay_there(policy: Policy) -> None:
    waits = [wait(policy, tries, dice=lambda: 1.0, error=Unavailable("")) for tries in range(5000)]
    assert waits == sorted(waits)
    assert waits[0] == policy.least + policy.first
    assert waits[-1] == policy.least + policy.longest


def test_the_jitter_is_full() -> None:
    waits = [wait(UNAVAILABLE, 3, dice=dice, error=Unavailable("")) for dice in (lambda: 0.0, lambda: 0.5)]
    assert waits[0] == timedelta()
    assert waits[1] == UNAVAILABLE.first * UNAVAILABLE.factor**3 / 2


def test_an_outage_is_waited_out_for_days_before_a_person_is_asked() -> None:
    waits = [
        wait(UNAVAILABLE, tries, dice=lambda: 0.5, error=Unavailable(""))
        for tries in range(UNAVAILABLE.most_tries)
    ]
    assert sum(waits, timedelta()) > timedelta(days=2)


def test_what_may_still_be_at_work_over_there_is_not_looked_for_at_once() -> None:
    assert wait(UNCERTAIN, 0, dice=lambda: 0.0, error=Uncertain("")) >= timedelta(seconds=60)


def test_what_the_other_system_asks_for_is_the_least_wait() -> None:
    error = Unavailable("", retry_after=timedelta(hours=1))
    assert wait(UNAVAILABLE, 0, dice=lambda: 0.0, error=error) == timedelta(hours=1)
