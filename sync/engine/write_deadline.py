"""Until when a worker may send what writes: renewed with its lease, checked where the bytes go out.

A worker that stood still (a stopped process, a paused machine) does not know it. What it was about to send would
go out when it goes on, after another one has taken over, has looked in vain and has done the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from i18n.messages import msg
from sync.errors import UnavailableError

LEASE_FRACTION = 3
"""Writes may start in this part of a lease: in the rest a call arrives and ends, before another one looks."""


class WriteDeadline:
    """Until when writes may start, from when it was renewed last, by whichever of two clocks says so first.

    Args:
        clock: gives the present instant in UTC; it may be set back.
        monotonic: counts seconds, also while the machine sleeps.
        lease_ttl: how long a lease holds unless renewed.
    """

    def __init__(
        self, *, clock: Callable[[], datetime], monotonic: Callable[[], float], lease_ttl: timedelta
    ) -> None:
        self._clock, self._monotonic, self._longest = clock, monotonic, lease_ttl / LEASE_FRACTION
        self.renew()

    def renew(self) -> None:
        """Let it begin anew; called just before the lease itself is renewed."""
        self.renewed_at, self._tick = self._clock(), self._monotonic()

    def has_passed(self) -> bool:
        """Return whether nothing may be sent any more."""
        seconds = max((self._clock() - self.renewed_at).total_seconds(), self._monotonic() - self._tick)
        return seconds >= self._longest.total_seconds()


_enforced: ContextVar[WriteDeadline | None] = ContextVar("write_deadline", default=None)


@contextmanager
def enforced(deadline: WriteDeadline) -> Iterator[None]:
    """Hold what is sent inside, in this thread, to this deadline; without a lease there is none."""
    token = _enforced.set(deadline)
    try:
        yield
    finally:
        _enforced.reset(token)


def check() -> None:
    """Raise UnavailableError where it is too late to send what writes: the call has not gone out then."""
    deadline = _enforced.get()
    if deadline is not None and deadline.has_passed():
        raise UnavailableError(
            msg("The integration was suspended for too long to send this."), error_code="stood_still"
        )
