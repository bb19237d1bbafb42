"""The deadline until which a worker may send writes, renewed with its lease and checked where bytes are sent.

A worker that was suspended does not notice it. It could send a write after another worker has taken over, verified
that nothing was saved, and done the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from i18n.messages import msg
from sync.error_codes.names import STOOD_STILL
from sync.errors import UnavailableError

LEASE_DIVISOR = 3
"""Writes may start in the first third of a lease; in the rest, a call ends before another worker verifies."""


class WriteDeadline:
    """The deadline for writes, counted from its last renewal by the faster of two clocks.

    ``clock`` may be set back; ``monotonic`` counts seconds, also while the machine sleeps.
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
def enforce(deadline: WriteDeadline) -> Iterator[None]:
    """Apply this deadline to writes that this thread sends inside; outside a lease there is none."""
    token = _enforced.set(deadline)
    try:
        yield
    finally:
        _enforced.reset(token)


def check() -> None:
    """Raise UnavailableError if it is too late to send a write; the call is then not sent."""
    deadline = _enforced.get()
    if deadline is not None and deadline.has_passed():
        raise UnavailableError(
            msg("The integration was suspended for too long to send this."), error_code=STOOD_STILL
        )
