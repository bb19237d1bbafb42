"""The remote clock, read from ``Date`` so that polls do not run ahead of it, and the wait in ``Retry-After``."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger()

_SECONDS = re.compile(r"[0-9]{1,9}")

TOLERANCE = timedelta(minutes=2)
"""A lag that is ignored, because polls overlap by several times as much; slow responses cause such lags."""

MAX_LAG = timedelta(hours=1)
"""The largest lag that is believed; polls do not reach back further."""


class RemoteClock:
    """The clock of a system by its last responses; threads may share it. ``clock`` is ours, in UTC."""

    def __init__(self, system: str, clock: Callable[[], datetime]) -> None:
        self._system, self._clock, self._lag = system, clock, timedelta()

    def lag(self) -> timedelta:
        """Return the lag behind our clock; zero if it is small, negative or unknown."""
        return self._lag

    def record_response(self, headers: Mapping[str, str]) -> None:
        """Read a response's ``Date``, unless it is missing or from a cached response."""
        try:
            behind = self._clock() - parsedate_to_datetime(headers["Date"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        if "Age" in headers:
            return
        lag = min(behind, MAX_LAG) if behind > TOLERANCE else timedelta()
        if lag and not self._lag:
            log.warning("remote_clock_is_behind", system=self._system, seconds=behind.total_seconds())
        self._lag = lag


def retry_after_of(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait, in seconds or until a date (RFC 9110, 10.2.3), counted from the response's own date."""
    retry_after = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return timedelta(seconds=int(retry_after))
    try:
        return max(timedelta(0), parsedate_to_datetime(retry_after) - parsedate_to_datetime(headers["Date"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
