"""The clock by which hosts agree on leases, due times and cursors: PostgreSQL's, extrapolated between queries."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import nan
from threading import Lock

import structlog

from models.database import DatabaseUnavailableError

log = structlog.get_logger()

host_clock = partial(datetime.now, UTC)
"""This host's own clock."""

monotonic = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Counts seconds, also while the machine sleeps."""

MEASURE_SECONDS = 60
"""Time until PostgreSQL is asked again."""

RETRY_SECONDS = 5
"""Time until PostgreSQL is asked again if it did not respond."""

MAX_SKEW = timedelta(minutes=1)
"""How wrong a host's clock may be. Beyond that, the host takes no lease."""

SAMPLES = 3
"""Queries for one measurement. The fastest response is the most exact."""


@dataclass(frozen=True, slots=True)
class _Measurement:
    """An instant in UTC, and the monotonic ``seconds`` at that instant.

    ``skew`` says how far the host's clock is ahead of PostgreSQL's. It is None if the instant is only the host's.
    """

    instant: datetime
    seconds: float
    skew: timedelta | None
    due_after: float


class Clock:
    """Returns the present instant in UTC by PostgreSQL's clock; threads share it.

    Between queries, and while PostgreSQL does not respond, it adds the process's ``monotonic`` seconds, which
    count also while the machine sleeps. Before the first response it uses the host's clock, ``wall``.
    """

    def __init__(
        self,
        server_time: Callable[[], datetime],
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._server_time, self._wall, self._monotonic = server_time, wall, monotonic
        self._measuring = Lock()
        self._last = _Measurement(wall(), monotonic(), skew=None, due_after=0)

    def __call__(self) -> datetime:
        last = self._last
        unknown = last.skew is None  # then the other threads wait for the response
        if self._monotonic() - last.seconds >= last.due_after and self._measuring.acquire(blocking=unknown):
            try:
                if self._last is last:
                    self._last = self._measure()
            finally:
                self._measuring.release()
        return self.extrapolated()

    def measured(self) -> datetime:
        """Return the instant for stored data. Raises DatabaseUnavailableError until PostgreSQL has responded."""
        now = self()
        if self._last.skew is None:
            raise DatabaseUnavailableError("PostgreSQL has not reported its time yet.")
        return now

    def extrapolated(self) -> datetime:
        """Return the instant without asking PostgreSQL."""
        return self._at(self._last)

    @property
    def skew(self) -> timedelta | None:
        """How far the host's clock was ahead of PostgreSQL's at the last query; None before the first one."""
        self()
        return self._last.skew

    def last_skew_seconds(self) -> float:
        """Return the skew in seconds without asking PostgreSQL; NaN if it has not responded yet."""
        skew = self._last.skew
        return nan if skew is None else skew.total_seconds()

    @property
    def is_off(self) -> bool:
        """Whether the host's own clock is wrong by more than ``MAX_SKEW``, or may be."""
        skew = self.skew
        return skew is None or abs(skew) > MAX_SKEW

    def _measure(self) -> _Measurement:
        try:
            samples = [self._sample() for _ in range(SAMPLES)]
        except DatabaseUnavailableError:
            last = self._last
            pause = RETRY_SECONDS if last.skew is not None else 0
            return _Measurement(self._at(last), self._monotonic(), last.skew, due_after=pause)
        _, instant, seconds = min(samples, key=lambda sample: sample[0])
        skew = self._wall() - timedelta(seconds=self._monotonic() - seconds) - instant
        return _Measurement(instant, seconds, skew, due_after=MEASURE_SECONDS)

    def _at(self, last: _Measurement) -> datetime:
        return last.instant + timedelta(seconds=self._monotonic() - last.seconds)

    def _sample(self) -> tuple[float, datetime, float]:
        """Ask PostgreSQL once. Returns how long it took, and the instant and the monotonic seconds at its end."""
        began = self._monotonic()
        server_time = self._server_time()
        ended = self._monotonic()
        return ended - began, server_time + timedelta(seconds=(ended - began) / 2), ended
