"""The limits of a job: how long it waits before a retry, and after how many failures it needs attention."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from models.inbox.transitions import VERIFICATION_DELAY
from sync.errors import BrokenOffError, OutcomeUnknownError, RateLimitedError, SyncError, UnavailableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays that grow by ``factor``, with a ``min_delay`` for a call that may still run in the other system."""

    initial_delay: timedelta
    factor: float
    max_delay: timedelta
    max_attempts: int
    min_delay: timedelta = timedelta()


UNAVAILABLE = RetryPolicy(timedelta(seconds=5), factor=2.5, max_delay=timedelta(hours=2), max_attempts=60)
RATE_LIMITED = RetryPolicy(
    timedelta(seconds=15), factor=1, max_delay=timedelta(seconds=15), max_attempts=sys.maxsize
)
OUTCOME_UNKNOWN = RetryPolicy(
    timedelta(seconds=15), factor=3, max_delay=timedelta(hours=1), max_attempts=8, min_delay=VERIFICATION_DELAY
)
BROKEN_OFF = replace(UNAVAILABLE, min_delay=VERIFICATION_DELAY)
CRASH = RetryPolicy(timedelta(seconds=20), factor=6, max_delay=timedelta(hours=1), max_attempts=3)

MAX_FAILURES_ALONE = 5
"""After this many outage-like failures, the record needs attention if other records of its lane still sync."""

MAX_WORKER_CRASHES = 3
"""After this many crashes of workers on a record, it needs attention, because it may be the cause."""

DEPENDENCY_TIMEOUT = timedelta(minutes=10)
"""How long a job waits for another record before it checks that record itself, in case nothing woke it."""


def policy_of(error: SyncError) -> RetryPolicy:
    """Choose the policy by the meaning of the error."""
    if isinstance(error, RateLimitedError):
        return RATE_LIMITED
    if isinstance(error, BrokenOffError) and error.outcome_unknown:
        return BROKEN_OFF
    if isinstance(error, UnavailableError | BrokenOffError):
        return UNAVAILABLE
    return OUTCOME_UNKNOWN if isinstance(error, OutcomeUnknownError) else CRASH


def delay(error: SyncError, failed_attempts: int, *, random: Callable[[], float]) -> timedelta:
    """Return the delay before the next attempt: the required minimum plus full jitter."""
    policy = policy_of(error)
    try:
        grown = min(policy.initial_delay * policy.factor**failed_attempts, policy.max_delay)
    except OverflowError:
        grown = policy.max_delay
    return max(policy.min_delay, error.retry_after or timedelta()) + random() * grown
