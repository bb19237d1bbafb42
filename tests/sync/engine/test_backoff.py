from datetime import timedelta

import pytest

from sync.engine.backoff import CRASH, OUTCOME_UNKNOWN, UNAVAILABLE, RetryPolicy, delay, policy_of
from sync.errors import CrashError, OutcomeUnknownError, SyncError, UnavailableError

AWAY, LOST, CRASHED = UnavailableError(""), OutcomeUnknownError(""), CrashError("")


@pytest.mark.parametrize(("error", "policy"), [(AWAY, UNAVAILABLE), (LOST, OUTCOME_UNKNOWN), (CRASHED, CRASH)])
def test_each_type_of_error_has_its_retry_policy(error: SyncError, policy: RetryPolicy) -> None:
    assert policy_of(error) is policy


@pytest.mark.parametrize("error", [AWAY, LOST, CRASHED])
def test_waits_grow_up_to_the_longest_and_stay_there(error: SyncError) -> None:
    policy = policy_of(error)
    waits = [delay(error, tries, random=lambda: 1.0) for tries in range(5000)]
    assert waits == sorted(waits)
    assert waits[0] == policy.min_delay + policy.initial_delay
    assert waits[-1] == policy.min_delay + policy.max_delay


def test_the_delay_has_full_jitter() -> None:
    waits = [delay(AWAY, 3, random=random) for random in (lambda: 0.0, lambda: 0.5)]
    assert waits[0] == timedelta()
    assert waits[1] == UNAVAILABLE.initial_delay * UNAVAILABLE.factor**3 / 2


def test_an_outage_is_waited_out_for_days_before_a_person_is_asked() -> None:
    waits = [delay(AWAY, tries, random=lambda: 0.5) for tries in range(UNAVAILABLE.max_attempts)]
    assert sum(waits, timedelta()) > timedelta(days=2)


def test_a_call_that_may_still_be_running_is_not_verified_at_once() -> None:
    assert delay(LOST, 0, random=lambda: 0.0) >= timedelta(seconds=60)


def test_the_other_systems_requested_wait_is_the_minimum() -> None:
    error = UnavailableError("", retry_after=timedelta(hours=1))
    assert delay(error, 0, random=lambda: 0.0) == timedelta(hours=1)
