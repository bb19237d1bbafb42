"""How often 24SevenOffice is asked for costs: as often as is asked for where something happens, less elsewhere.

A poll costs a request, and requests are shared by all connections and with the changes that wait. So polls take
what those leave. Where that is too little, those go first that have waited for most of their intervals: so all get
slower by the same factor, but for those that are busy, whose waiting counts more.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto

from i18n.formatting import OSLO

HOUR = timedelta(hours=1)

FIRST_HOUR, LAST_HOUR, SATURDAY = time(7), time(18), 5
"""When people work, Monday to Friday in Oslo; on a holiday some polls find nothing."""

ACTIVE_FOR, RECENT_FOR = timedelta(hours=2), timedelta(days=7)
"""How long after the last change of a connection it is taken to be at work, and how long to be in use."""

MAX_INTERVAL = timedelta(hours=2)
"""What an interval grows to at most by the table below, unless a longer one is asked for."""


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
"""How many times the interval that is asked for goes by between two polls; whether people work is the second."""


OFFICE_HOURS_WEIGHT = 1.5
"""How much the waiting of a connection that is at work counts, where not all can be polled that are due."""


@dataclass(frozen=True, slots=True)
class PollState:
    """What decides when a connection is polled next.

    ``configured_interval`` is the shortest interval, ``polled_at`` up to when (UTC) it has been polled,
    ``changed_at`` when a change of it was last received; None for never.
    """

    connection_id: int
    configured_interval: timedelta
    polled_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PollRound:
    """Whose turn it is, the most urgent first, with their intervals.

    The first ``limit`` of them are polled now.
    """

    due: Mapping[int, timedelta]
    limit: int


NO_POLLS = PollRound({}, 0)


def next_round(
    poll_states: Iterable[PollState], *, now: datetime, hourly: int, free: int, every: timedelta
) -> PollRound:
    """Choose the connections to poll.

    Args:
        poll_states: of all connections that may be polled.
        now: in UTC.
        hourly: how many polls there may be in an hour.
        free: how many there may be now.
        every: how often is chosen; the polls of an hour are spread evenly over its rounds.
    """
    limit = min(free, math.ceil(hourly * (every / HOUR)))
    if limit < 1:
        return NO_POLLS
    intervals = {poll_state: interval(poll_state, now=now) for poll_state in poll_states}
    late = {poll_state: _lateness(poll_state, wait, now=now) for poll_state, wait in intervals.items()}
    due = sorted(
        (poll_state for poll_state in late if late[poll_state] >= 1),
        key=lambda each: -late[each] * (OFFICE_HOURS_WEIGHT if activity(each, now=now) is Activity.ACTIVE else 1),
    )
    return PollRound({poll_state.connection_id: intervals[poll_state] for poll_state in due}, limit)


def interval(poll_state: PollState, *, now: datetime) -> timedelta:
    """Return how long a connection is left alone while there are requests enough for all."""
    times = INTERVAL_FACTORS[activity(poll_state, now=now), is_office_hours(now)]
    return max(poll_state.configured_interval, min(poll_state.configured_interval * times, MAX_INTERVAL))


def activity(poll_state: PollState, *, now: datetime) -> Activity:
    """Return how much goes on; a connection that has seen nothing yet is new, and somebody looks at it."""
    if poll_state.changed_at is None:
        return Activity.RECENT
    silence = now - poll_state.changed_at
    if silence < ACTIVE_FOR:
        return Activity.ACTIVE
    return Activity.RECENT if silence < RECENT_FOR else Activity.IDLE


def is_office_hours(now: datetime) -> bool:
    there = now.astimezone(OSLO)
    return there.weekday() < SATURDAY and FIRST_HOUR <= there.time() < LAST_HOUR


def _lateness(poll_state: PollState, wait: timedelta, *, now: datetime) -> float:
    """Return how many of its intervals have gone by since its last poll."""
    return (now - poll_state.polled_at) / wait if poll_state.polled_at else math.inf
