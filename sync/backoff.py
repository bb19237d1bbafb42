"""When a failed attempt is tried again, and when a person is asked instead: one policy, as data."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from models.lingering import LINGERS
from sync.errors import Rationed, Unavailable, Uncertain

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Policy:
    """Waits that grow by ``factor`` from ``first`` to ``longest``, until ``most_tries`` have failed in a row.

    ``least`` is waited whatever the dice say: a call that was given up may still be at work over there.
    """

    first: timedelta
    factor: float
    longest: timedelta
    most_tries: int
    least: timedelta = timedelta()


UNAVAILABLE = Policy(timedelta(seconds=5), factor=2.5, longest=timedelta(hours=2), most_tries=60)
RATIONED = Policy(timedelta(seconds=15), factor=1, longest=timedelta(seconds=15), most_tries=sys.maxsize)
UNCERTAIN = Policy(timedelta(seconds=15), factor=3, longest=timedelta(hours=1), most_tries=8, least=LINGERS)
CRASH = Policy(timedelta(seconds=20), factor=6, longest=timedelta(hours=1), most_tries=3)


def policy_of(error: Exception) -> Policy:
    """Choose the policy by what the error means for the record."""
    if isinstance(error, Rationed):
        return RATIONED
    if isinstance(error, Unavailable):
        return UNAVAILABLE
    return UNCERTAIN if isinstance(error, Uncertain) else CRASH


def wait(policy: Policy, tries: int, *, dice: Callable[[], float], error: Exception) -> timedelta:
    """Tell how long to wait after ``tries`` earlier failures: full jitter, but never less than was asked for.

    A random part of the whole wait (and not of its end only) spreads a crowd that failed together.
    """
    try:
        grown = min(policy.first * policy.factor**tries, policy.longest)
    except OverflowError:
        grown = policy.longest
    asked = getattr(error, "retry_after", None) or timedelta()
    return max(policy.least, asked) + dice() * grown
