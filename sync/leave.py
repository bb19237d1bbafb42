"""For how long a worker may send what writes: kept by whoever holds its claim, heeded where the bytes go out.

A worker that stood still (a stopped process, a paused machine) does not know it. What it was about to send would
go out when it goes on, after another one has taken over, has looked in vain and has done the work.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from language.said import say
from sync.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

PART = 3
"""Leave is this part of a claim's time: the rest is for a call to arrive and to end before another one looks."""


class Leave:
    """Leave to write, from when it was renewed last; it is over by whichever of two clocks says so first.

    Args:
        clock: gives the present instant in UTC; it may be set back.
        ticks: counts seconds, also while the machine sleeps.
        claim_for: how long a claim holds without a word.
    """

    def __init__(self, *, clock: Callable[[], datetime], ticks: Callable[[], float], claim_for: timedelta) -> None:
        self._clock, self._ticks, self._longest = clock, ticks, claim_for / PART
        self.renew()

    def renew(self) -> None:
        """Let it begin anew; called just before the claim itself is renewed."""
        self._instant, self._tick = self._clock(), self._ticks()

    def is_over(self) -> bool:
        """Tell whether nothing may be sent any more."""
        seconds = max((self._clock() - self._instant).total_seconds(), self._ticks() - self._tick)
        return seconds >= self._longest.total_seconds()


_given: ContextVar[Leave | None] = ContextVar("given", default=None)


@contextmanager
def given(leave: Leave) -> Iterator[None]:
    """Have what is sent inside, in this thread, heed this leave; who holds no claim needs none."""
    token = _given.set(leave)
    try:
        yield
    finally:
        _given.reset(token)


def heed() -> None:
    """Raise Unavailable where it is too late to send what writes: the call has not gone out then."""
    leave = _given.get()
    if leave is not None and leave.is_over():
        raise Unavailable(say("The bridge stood still for too long to send it."), reason="stood_still")
