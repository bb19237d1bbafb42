"""Shorter waits: what takes the product minutes takes a chaotic day seconds, in about the same proportions."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from models import database
from models.inbox import circuit_breaker, transitions
from sync.engine import backoff, outcomes
from sync.polling import expense_schedule, polls
from worker import clock, dispatch
from worker import schedule as worker_schedule
from worker.handlers import mails

ANSWER_SECONDS = 1
LEASE_SECONDS = 5
LINGER_SECONDS = 2
LOOKED_AFTER_SECONDS = ANSWER_SECONDS + LINGER_SECONDS
"""How soon after a call an unknown outcome is verified: what arrives later can be duplicated (S25)."""

SETTINGS = {
    "DISPATCH_SECONDS": "0.5",
    "POLL_SECONDS": "3",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "CONNECT_SECONDS": "1",
    "ANSWER_SECONDS": str(ANSWER_SECONDS),
    "WORKER_THREADS": "4",
}


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _shorter(
    policy: backoff.RetryPolicy, *, first: float, longest: float, least: float = 0
) -> backoff.RetryPolicy:
    return replace(policy, initial_delay=_seconds(first), max_delay=_seconds(longest), min_delay=_seconds(least))


def _often(_rhythm: expense_schedule.PollState, *, now: datetime) -> timedelta:
    """Have all connections polled in every round, whatever the hour."""
    del now
    return _seconds(1)


TIMEOUTS: tuple[tuple[ModuleType, str, Any], ...] = (
    (database, "IDLE_SECONDS", 3),
    (backoff, "UNAVAILABLE", _shorter(backoff.UNAVAILABLE, first=0.1, longest=1)),
    (
        backoff,
        "OUTCOME_UNKNOWN",
        _shorter(backoff.OUTCOME_UNKNOWN, first=0.3, longest=2, least=LINGER_SECONDS),
    ),
    (transitions, "VERIFICATION_DELAY", _seconds(LINGER_SECONDS)),
    (backoff, "CRASH", _shorter(backoff.CRASH, first=0.4, longest=2)),
    (outcomes, "DEPENDENCY_TIMEOUT", _seconds(20)),
    (circuit_breaker, "FAILURE_THRESHOLD", 6),  # as there are many more of them than in life
    (circuit_breaker, "FIRST_DELAY", _seconds(0.3)),
    (circuit_breaker, "MAX_DELAY", _seconds(1)),
    (circuit_breaker, "OUTAGE_ALERT_AFTER", _seconds(2)),
    (clock, "MEASURE_SECONDS", 2),
    (clock, "RETRY_SECONDS", 0.5),
    (polls, "OVERLAP", _seconds(2)),
    (expense_schedule, "interval", _often),
    (dispatch, "LANE_DEBOUNCE_SECONDS", 3),
    (mails, "PAUSE_BETWEEN_EMAILS", _seconds(2)),
    (mails, "LOCK_SECONDS", 5),
    (worker_schedule, "ALERT_SECONDS", 1),
    (worker_schedule, "EXPENSE_ROUND_SECONDS", 2),
)


def hurry(*, silence: int) -> None:
    """Shorten the waits of this process, and that for PostgreSQL to ``silence`` seconds, before the tasks are imported."""
    database.SERVER_SILENCE_SECONDS = silence
    for module, name, value in TIMEOUTS:
        assert hasattr(module, name), f"{module.__name__} has no {name} any more"
        setattr(module, name, value)
