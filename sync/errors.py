"""Errors named by their consequence: what happens next, not what went wrong inside."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from models.words import Record

P = ParamSpec("P")
T = TypeVar("T")


class SyncError(Exception):
    """A record did not come across, and ``message`` tells the person who gets the mail why.

    ``title`` names the record as a person does; :func:`about` sets it. ``in_doubt`` says that something may have
    been saved all the same, so that whoever tries next looks before it writes.

    Args:
        message: what is wrong, in plain words, with the record's own numbers.
        reason: a short name by which failures of the same cause are listed and tried again together; what it
            means stands in :mod:`sync.reasons`.
        remedy: what the reader can do about it; empty where nothing is needed.
    """

    reason = ""

    def __init__(self, message: str, *, reason: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason
        self.remedy = remedy
        self.title = ""
        self.in_doubt = False


class Unavailable(SyncError):
    """The other system did not do it now and will later: tried again by itself.

    Nothing has been saved. ``retry_after`` is the least wait that the other system asks for, if it says.
    """

    def __init__(self, message: str, *, reason: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Rationed(Unavailable):
    """The other system allows only so many requests, and they are used up: tried again when there are more.

    No outage, and no fault of the record: however often it happens, nobody has to look at the record for it.
    ``reason`` tells whose limit it is, and ``retry_after`` when it is worth another try.
    """


class Uncertain(SyncError):
    """It may have been saved or not: whoever tries next looks before it writes.

    ``otherwise`` is given where the other system has answered, hence is done with it: what the answer means
    if a look shows that nothing was saved. Without it (no answer came) looking at once may be too early.
    """

    def __init__(self, message: str, *, reason: str = "", otherwise: SyncError | None = None) -> None:
        super().__init__(message, reason=reason)
        self.in_doubt = True
        self.otherwise = otherwise

    @property
    def silent(self) -> bool:
        """Whether the other system gave no answer that means anything."""
        return self.otherwise is None


class NotReady(SyncError):
    """Another record must come across first, and this one is taken up again when it has."""

    reason = "waits"

    def __init__(self, message: str, *, waits_for: Record) -> None:
        super().__init__(message)
        self.waits_for = waits_for


class Rejected(SyncError):
    """The record cannot come across as it is: a person corrects it."""


class DependencyEnded(Rejected):
    """The record that must come across first ended without a link: taken up again should it get one after all."""

    def __init__(self, message: str, *, reason: str, remedy: str, waits_for: Record) -> None:
        super().__init__(message, reason=reason, remedy=remedy)
        self.waits_for = waits_for


class Misconfigured(SyncError):
    """The connection cannot work as it is set up: it pauses until a person corrects its settings."""


@contextmanager
def about(title: str) -> Iterator[None]:
    """Name the record that an error inside is about."""
    try:
        yield
    except SyncError as error:
        error.title = error.title or title
        raise


def caught(title: str, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | SyncError:
    """Take a step for one of several records; its error is the answer, named, and harms no other record."""
    try:
        with about(title):
            return step(*args, **kwargs)
    except SyncError as error:
        return error
