"""The deadline until which a worker may send writes, renewed with its lease and checked where the bytes go out.

A worker that stood still (a stopped process, a paused machine) does not notice it. When it goes on, it could send
a write after another worker has taken over, verified that nothing was saved, and done the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from i18n.messages import msg
from sync.errors import UnavailableError

LEASE_DIVISOR = 3
"""Writes may start in the first third of a lease; in the rest, a call ends before another worker verifies."""


class WriteDeadline:
    """The deadline for writes since it was last renewed, by whichever of two clocks is ahead.

    Args:
        clock: returns the present instant in UTC; it may be set back.
        monotonic: counts seconds, also while the machine sleeps.
        lease_ttl: how long a lease lasts unless renewed.
    """

    def __init__(
        self, *, clock: Callable[[], datetime], monotonic: Callable[[], float], lease_ttl: timedelta
    ) -> None:
        self._clock, self._monotonic, self._longest = clock, monotonic, lease_ttl / LEASE_DIVISOR
        self.renew()

    def renew(self) -> None:
        """Restart the deadline; called just before the lease itself is renewed."""
        self.renewed_at, self._tick = self._clock(), self._monotonic()

    def has_passed(self) -> bool:
        """Return whether writes may no longer be sent."""
        seconds = max((self._clock() - self.renewed_at).total_seconds(), self._monotonic() - self._tick)
        return seconds >= self._longest.total_seconds()


_enforced: ContextVar[WriteDeadline | None] = ContextVar("write_deadline", default=None)


@contextmanager
def enforced(deadline: WriteDeadline) -> Iterator[None]:
    """Apply this deadline to writes sent inside, in this thread; without a lease there is none."""
    token = _enforced.set(deadline)
    try:
        yield
    finally:
        _enforced.reset(token)


def check() -> None:
    """Raise UnavailableError if it is too late to send a write; the call has not gone out then."""
    deadline = _enforced.get()
    if deadline is not None and deadline.has_passed():
        raise UnavailableError(
            msg("The integration was suspended for too long to send this."), error_code="stood_still"
        )
