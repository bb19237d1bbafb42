"""A remote system's clock, and how far it is behind ours, by the ``Date`` of its responses.

Polls ask for changes since an instant of the remote system's clock. If the cursor moved to an instant in the
future of that clock, changes until then would be missed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger()

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
