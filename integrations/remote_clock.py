"""How far a remote system's clock is behind ours, by the ``Date`` of its responses.

Polls ask for changes since an instant of the remote system's clock. If the cursor moved to an instant in the
future of that clock, changes until then would be missed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger()

TOLERANCE = timedelta(minutes=2)
"""A lag that the overlap of polls covers many times over, so that slow responses make no difference."""

MAX_LAG = timedelta(hours=1)
"""The largest lag that is believed; polls reach back no further than that."""


class RemoteClock:
    """The clock of a system by its last responses; threads may share it. ``clock`` is ours, in UTC."""

    def __init__(self, system: str, clock: Callable[[], datetime]) -> None:
        self._system, self._clock, self._lag = system, clock, timedelta()

    def lag(self) -> timedelta:
        """Return the lag behind our clock; zero if it is small, negative or unknown."""
        return self._lag

    def hear(self, headers: Mapping[str, str]) -> None:
        """Read a response's ``Date``, unless it is missing or from a cached response."""
        try:
            said = parsedate_to_datetime(headers["Date"])
            behind = self._clock() - said
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        if "Age" in headers:
            return
        lag = min(behind, MAX_LAG) if behind > TOLERANCE else timedelta()
        if lag and not self._lag:
            log.warning("remote_clock_is_behind", system=self._system, seconds=behind.total_seconds())
        self._lag = lag
