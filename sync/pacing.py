"""How often 24SevenOffice is asked for costs: as often as is asked for where something happens, less elsewhere.

A poll costs a request, and requests are shared by all connections and with the changes that wait. So polls take
what those leave. Where that is too little, those go first that have waited for most of their intervals: so all get
slower by the same factor, but for those that are busy, whose waiting counts more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OSLO = ZoneInfo("Europe/Oslo")
HOUR = timedelta(hours=1)

FIRST_HOUR, LAST_HOUR, SATURDAY = time(7), time(18), 5
"""When people work, Monday to Friday in Oslo; on a holiday some polls find nothing."""

LIVELY_FOR, AWAKE_FOR = timedelta(hours=2), timedelta(days=7)
"""How long after the last change of a connection it is taken to be at work, and how long to be in use."""

LONGEST = timedelta(hours=2)
"""What an interval grows to at most by the table below, unless a longer one is asked for."""


class Life(Enum):
    """How much goes on at a connection."""

    LIVELY = auto()
    AWAKE = auto()
    QUIET = auto()


TIMES: Mapping[tuple[Life, bool], int] = {
    (Life.LIVELY, True): 1,
    (Life.LIVELY, False): 1,
    (Life.AWAKE, True): 1,
    (Life.AWAKE, False): 4,
    (Life.QUIET, True): 3,
    (Life.QUIET, False): 6,
}
"""How many times the interval that is asked for goes by between two polls; whether people work is the second."""


BUSY_COUNTS = 1.5
"""How much the waiting of a connection that is at work counts, where not all can be polled that are due."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What decides when a connection is polled next.

    ``asked`` is the shortest interval, ``polled`` up to when (UTC) it has been polled, ``news`` when a change of
    it was last received; None for never.
    """

    connection_id: int
    asked: timedelta
    polled: datetime | None = None
    news: datetime | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """Whose turn it is, the most urgent first, with their intervals; the first ``most`` of them are polled now."""

    due: Mapping[int, timedelta]
    most: int


NOBODY = Round({}, 0)


def next_round(rhythms: Iterable[Rhythm], *, now: datetime, hourly: int, free: int, every: timedelta) -> Round:
    """Choose the connections to poll.

    Args:
        rhythms: of all connections that may be polled.
        now: in UTC.
        hourly: how many polls there may be in an hour.
        free: how many there may be now.
        every: how often is chosen; the polls of an hour are spread evenly over its rounds.
    """
    most = min(free, math.ceil(hourly * (every / HOUR)))
    if most < 1:
        return NOBODY
    intervals = {rhythm: interval(rhythm, now=now) for rhythm in rhythms}
    late = {rhythm: _lateness(rhythm, wait, now=now) for rhythm, wait in intervals.items()}
    due = sorted(
        (rhythm for rhythm in late if late[rhythm] >= 1), key=lambda each: -late[each] * _weight(each, now)
    )
    return Round({rhythm.connection_id: intervals[rhythm] for rhythm in due}, most)


def interval(rhythm: Rhythm, *, now: datetime) -> timedelta:
    """Tell how long a connection is left alone while there are requests enough for all."""
    times = TIMES[life(rhythm, now=now), people_work(now)]
    return max(rhythm.asked, min(rhythm.asked * times, LONGEST))


def life(rhythm: Rhythm, *, now: datetime) -> Life:
    """Tell how much goes on; a connection that has seen nothing yet is new, and somebody looks at it."""
    if rhythm.news is None:
        return Life.AWAKE
    silence = now - rhythm.news
    if silence < LIVELY_FOR:
        return Life.LIVELY
    return Life.AWAKE if silence < AWAKE_FOR else Life.QUIET


def people_work(now: datetime) -> bool:
    """Tell whether it is a time at which people work in Norway."""
    there = now.astimezone(OSLO)
    return there.weekday() < SATURDAY and FIRST_HOUR <= there.time() < LAST_HOUR


def _weight(rhythm: Rhythm, now: datetime) -> float:
    return BUSY_COUNTS if life(rhythm, now=now) is Life.LIVELY else 1


def _lateness(rhythm: Rhythm, wait: timedelta, *, now: datetime) -> float:
    """Tell how many of its intervals have gone by since its last poll."""
    return (now - rhythm.polled) / wait if rhythm.polled else math.inf
