"""When a failed attempt is tried again, and when a person is asked instead: one policy, as data."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from models.inbox.verification_delay import VERIFICATION_DELAY
from sync.errors import OutcomeUnknownError, RateLimitedError, UnavailableError


@dataclass(frozen=True, slots=True)
class Policy:
    """Waits that grow by ``factor`` from ``initial_delay`` to ``max_delay``.

    Until ``max_attempts`` have failed in a row.

    ``min_delay`` is waited whatever the dice say: a call that was given up may still be at work over there.
    """

    initial_delay: timedelta
    factor: float
    max_delay: timedelta
    max_attempts: int
    min_delay: timedelta = timedelta()


UNAVAILABLE = Policy(timedelta(seconds=5), factor=2.5, max_delay=timedelta(hours=2), max_attempts=60)
RATE_LIMITED = Policy(timedelta(seconds=15), factor=1, max_delay=timedelta(seconds=15), max_attempts=sys.maxsize)
OUTCOME_UNKNOWN = Policy(
    timedelta(seconds=15), factor=3, max_delay=timedelta(hours=1), max_attempts=8, min_delay=VERIFICATION_DELAY
)
CRASH = Policy(timedelta(seconds=20), factor=6, max_delay=timedelta(hours=1), max_attempts=3)


def policy_of(error: Exception) -> Policy:
    """Choose the policy by what the error means for the record."""
    if isinstance(error, RateLimitedError):
        return RATE_LIMITED
    if isinstance(error, UnavailableError):
        return UNAVAILABLE
    return OUTCOME_UNKNOWN if isinstance(error, OutcomeUnknownError) else CRASH


def delay(policy: Policy, failed_attempts: int, *, random: Callable[[], float], error: Exception) -> timedelta:
    """Tell how long to wait after ``failed_attempts`` earlier failures.

    Full jitter, but never less than was asked for.

    A random part of the whole wait (and not of its end only) spreads a crowd that failed together.
    """
    try:
        grown = min(policy.initial_delay * policy.factor**failed_attempts, policy.max_delay)
    except OverflowError:
        grown = policy.max_delay
    asked = getattr(error, "retry_after", None) or timedelta()
    return max(policy.min_delay, asked) + random() * grown
