"""Shorter waits: what takes the product minutes takes a chaotic day seconds, in about the same proportions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models import base, lingering
from sync import backoff, outcomes, pacing, polling, resting
from worker import beat, dispatch, mailing

if TYPE_CHECKING:
    from datetime import datetime
    from types import ModuleType

ANSWER_SECONDS = 1
CLAIM_SECONDS = 5
LINGER_SECONDS = 2
LOOKED_AFTER_SECONDS = ANSWER_SECONDS + LINGER_SECONDS
"""How soon after a call was sent it may be looked for whether it has saved: what lands later can be doubled (S25)."""

SETTINGS = {
    "SWEEP_SECONDS": "0.5",
    "POLL_SECONDS": "3",
    "CLAIM_SECONDS": str(CLAIM_SECONDS),
    "CONNECT_SECONDS": "1",
    "ANSWER_SECONDS": str(ANSWER_SECONDS),
    "WORKER_THREADS": "4",
}


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _shorter(policy: backoff.Policy, *, first: float, longest: float, least: float = 0) -> backoff.Policy:
    return replace(policy, first=_seconds(first), longest=_seconds(longest), least=_seconds(least))


def _often(_rhythm: pacing.Rhythm, *, now: datetime) -> timedelta:
    """Have all connections polled in every round, whatever the hour is."""
    del now
    return _seconds(1)


WAITS: tuple[tuple[ModuleType, str, Any], ...] = (
    (base, "IDLE_SECONDS", 3),
    (backoff, "UNAVAILABLE", _shorter(backoff.UNAVAILABLE, first=0.1, longest=1)),
    (
        backoff,
        "UNCERTAIN",
        _shorter(backoff.UNCERTAIN, first=0.3, longest=2, least=LINGER_SECONDS),
    ),
    (lingering, "LINGERS", _seconds(LINGER_SECONDS)),
    (backoff, "CRASH", _shorter(backoff.CRASH, first=0.4, longest=2)),
    (outcomes, "PATIENCE", _seconds(20)),
    (resting, "MOST_FAILURES", 6),  # as there are many more of them than in life
    (resting, "FIRST_REST", _seconds(0.3)),
    (resting, "LONGEST_REST", _seconds(1)),
    (polling, "OVERLAP", _seconds(2)),
    (pacing, "interval", _often),
    (dispatch, "LANE_SECONDS", 3),
    (mailing, "PAUSE", _seconds(2)),
    (mailing, "LOCK_SECONDS", 5),
    (beat, "ALERT_SECONDS", 1),
    (beat, "EXPENSE_SECONDS", 2),
)


def hurry(*, silence: int) -> None:
    """Shorten the waits of this process, and that for PostgreSQL to so many seconds, before the tasks are imported."""
    base.SILENT_SECONDS = silence
    for module, name, value in WAITS:
        assert hasattr(module, name), f"{module.__name__} has no {name} any more"
        setattr(module, name, value)
