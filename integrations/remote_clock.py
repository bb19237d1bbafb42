"""How far a remote system's clock is behind ours, by the ``Date`` of its answers.

Polls ask for what has changed since an instant by the remote system's clock. Were the cursor moved to an instant
that is still to come there, what changes until then would be passed over.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger()

TOLERANCE = timedelta(minutes=2)
"""What the overlap of polls covers many times over; so a slow answer makes no difference."""

MAX_LAG = timedelta(hours=1)
"""How much a remote system is believed: polls reach back so much further, at the most."""


class RemoteClock:
    """What the answers of a system said of its clock last; threads may share it. ``clock`` is ours, in UTC."""

    def __init__(self, system: str, clock: Callable[[], datetime]) -> None:
        self._system, self._clock, self._lag = system, clock, timedelta()

    def lag(self) -> timedelta:
        """Return how far it is behind ours; zero where that is little, or it is ahead, or it has not said."""
        return self._lag

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer's ``Date``, unless it is none or of an answer that was stored on its way."""
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
