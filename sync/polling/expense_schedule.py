"""The schedule of polls for costs in 24SevenOffice: at the configured interval, less often if little changes.

Polls get the requests that pending jobs leave. If there are too few, the connections that are latest relative to
their interval go first, so all slow down alike; active connections get extra weight.

``expenses_due`` in :mod:`worker.handlers.polls` asks for each round, and ``begin_poll`` in :mod:`worker.dispatch`
drops a poll if its connection was polled after it was sent.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto

from i18n.formatting import OSLO

HOUR = timedelta(hours=1)

FIRST_HOUR, LAST_HOUR, SATURDAY = time(7), time(18), 5
"""Office hours, Monday to Friday in Oslo; on holidays, some polls find nothing."""

ACTIVE_FOR, RECENT_FOR = timedelta(hours=2), timedelta(days=7)
"""A connection is active for two hours after its last change, and recently used for seven days."""

MAX_INTERVAL = timedelta(hours=2)
"""The longest interval that the table below gives, unless a longer one is configured."""


class Activity(Enum):
    ACTIVE = auto()
    RECENT = auto()
    IDLE = auto()


INTERVAL_FACTORS: Mapping[tuple[Activity, bool], int] = {
    (Activity.ACTIVE, True): 1,
    (Activity.ACTIVE, False): 1,
    (Activity.RECENT, True): 1,
    (Activity.RECENT, False): 4,
    (Activity.IDLE, True): 3,
    (Activity.IDLE, False): 6,
}
"""Factors of the configured interval, by activity and by whether it is office hours."""


ACTIVE_WEIGHT = 1.5
"""The factor by which an active connection counts as later than it is, if not all due ones can be polled."""


@dataclass(frozen=True, slots=True)
class PollState:
    """The data that decides when a connection is polled next: its cursor and last change, None if never."""

    connection_id: int
    configured_interval: timedelta
    polled_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PollRound:
    """The due connections with their intervals, most urgent first; the first ``limit`` are polled now."""

    due: Mapping[int, timedelta]
    limit: int


NO_POLLS = PollRound({}, 0)


def next_round(
    poll_states: Iterable[PollState], *, now: datetime, hourly: int, free: int, every: timedelta
) -> PollRound:
    """Choose the connections to poll, with ``free`` polls now and an hour's spread over rounds of ``every``."""
    limit = min(free, math.ceil(hourly * (every / HOUR)))
    if limit < 1:
        return NO_POLLS
    intervals = {poll_state: interval(poll_state, now=now) for poll_state in poll_states}
    late = {poll_state: _lateness(poll_state, wait, now=now) for poll_state, wait in intervals.items()}
    due = sorted(
        (poll_state for poll_state in late if late[poll_state] >= 1),
        key=lambda each: -late[each] * (ACTIVE_WEIGHT if activity(each, now=now) is Activity.ACTIVE else 1),
    )
    return PollRound({poll_state.connection_id: intervals[poll_state] for poll_state in due}, limit)


def interval(poll_state: PollState, *, now: datetime) -> timedelta:
    """Return the interval of a connection while there are enough requests for all."""
    times = INTERVAL_FACTORS[activity(poll_state, now=now), is_office_hours(now)]
    return max(poll_state.configured_interval, min(poll_state.configured_interval * times, MAX_INTERVAL))


def activity(poll_state: PollState, *, now: datetime) -> Activity:
    """Return how active a connection is; one without any change yet is new, and counts as recently used."""
    if poll_state.changed_at is None:
        return Activity.RECENT
    silence = now - poll_state.changed_at
    if silence < ACTIVE_FOR:
        return Activity.ACTIVE
    return Activity.RECENT if silence < RECENT_FOR else Activity.IDLE


def is_office_hours(now: datetime) -> bool:
    in_oslo = now.astimezone(OSLO)
    return in_oslo.weekday() < SATURDAY and FIRST_HOUR <= in_oslo.time() < LAST_HOUR


def _lateness(poll_state: PollState, wait: timedelta, *, now: datetime) -> float:
    """Return how many of its intervals have passed since its last poll."""
    return (now - poll_state.polled_at) / wait if poll_state.polled_at else math.inf
