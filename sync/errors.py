"""Errors named by their consequence: what happens next, not what went wrong inside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from models.enums import Record
from sync.error_codes import ERROR_CODES
from sync.error_codes.names import BROKEN_OFF, DEPENDENCY_PENDING

if TYPE_CHECKING:
    from sync.records import Invoice  # it imports this module

P = ParamSpec("P")
T = TypeVar("T")


MAX_RETRY_AFTER = timedelta(hours=1)
"""The longest wait that a remote system may ask for."""


class SyncError(Exception):
    """A record was not synced; ``message`` says why, for the recipient of the mail, and ``remedy`` what to do.

    ``title`` is the record's name. ``outcome_unknown``: something may have been saved, so the next attempt
    verifies before it writes. ``retry_after`` is the shortest wait that the other system asks for. Failures with
    the same ``error_code`` are listed and retried together. ``invoice`` is the readable part of a rejected
    invoice.
    """

    error_code = ""
    title = ""
    outcome_unknown = False
    retry_after: timedelta | None = None
    invoice: "Invoice | None" = None

    def __init__(self, message: str, *, error_code: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code or self.error_code
        self.remedy = remedy

    def replace(
        self,
        *,
        title: str = "",
        message: str = "",
        remedy: str = "",
        outcome_unknown: bool = False,
        invoice: "Invoice | None" = None,
    ) -> Self:
        """Return a copy with these values; those that are empty or False stay as they are."""
        changed = type(self).__new__(type(self), *self.args)
        vars(changed).update(vars(self))
        changed.title, changed.message = title or self.title, message or self.message
        changed.remedy, changed.invoice = remedy or self.remedy, invoice or self.invoice
        changed.outcome_unknown = outcome_unknown or self.outcome_unknown
        return changed


class ActionRequiredError(SyncError):
    """A person has to act, at once or if retries fail. The remedy defaults to that of the error code."""

    def __init__(self, message: str, *, error_code: str = "", remedy: str = "") -> None:
        explained = ERROR_CODES.get(error_code)
        super().__init__(message, error_code=error_code, remedy=remedy or (explained.remedy if explained else ""))


class UnavailableError(SyncError):
    """The other system could not do it now. Nothing was saved, and the job is retried automatically."""

    max_retry_after = MAX_RETRY_AFTER

    def __init__(self, message: str, *, error_code: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message, error_code=error_code)
        self.retry_after = min(retry_after, self.max_retry_after) if retry_after else retry_after


class RateLimitedError(UnavailableError):
    """The requests that the other system allows are used up; this never makes a record need attention."""

    max_retry_after = timedelta(hours=2)  # more than an hour, as our own hourly budget ends a little later


class HeldBackError(UnavailableError):
    """The call was not made, as the other system responds to no connection; no attempt is counted."""


class ResponseTooLargeError(UnavailableError):
    """The response is too large to be read at once; ask for less at a time."""


class OutcomeUnknownError(SyncError):
    """It may or may not have been saved; the next attempt verifies before it writes.

    ``otherwise`` is the meaning of the response if nothing was saved; without one, verifying at once may be too
    early.
    """

    outcome_unknown = True

    def __init__(self, message: str, *, error_code: str = "", otherwise: SyncError | None = None) -> None:
        super().__init__(message, error_code=error_code)
        self.otherwise = otherwise

    @property
    def no_response(self) -> bool:
        """Whether the other system gave no meaningful response."""
        return self.otherwise is None


class DependencyPendingError(SyncError):
    """Another record must be synced first; this one continues after that."""

    error_code = DEPENDENCY_PENDING

    def __init__(self, message: str, *, dependency: Record) -> None:
        super().__init__(message)
        self.dependency = dependency


class RejectedError(ActionRequiredError):
    """The record cannot be synced as it is; a person has to correct it."""


class DependencyEndedError(RejectedError):
    """The record that must be synced first ended without a link; this one continues if it gets a link later."""

    def __init__(self, message: str, *, error_code: str, remedy: str = "", dependency: Record) -> None:
        super().__init__(message, error_code=error_code, remedy=remedy)
        self.dependency = dependency


class MisconfiguredError(ActionRequiredError):
    """The connection cannot work with its settings; it is paused until a person corrects them."""


class CrashError(ActionRequiredError):
    """An internal error. The outcome is unknown; the job is retried alone a few times, then needs attention."""

    outcome_unknown = True


class BrokenOffError(SyncError):
    """Our own database went away during the attempt; neither the record nor its connection is at fault."""

    error_code = BROKEN_OFF


CONNECTION_ERRORS = (UnavailableError, MisconfiguredError, BrokenOffError)
"""After these, no further record is prepared. Prepared ones are still sent, unless the settings are wrong."""


@contextmanager
def naming_record(title: str) -> Iterator[None]:
    """Set the record's name on an error raised inside."""
    try:
        yield
    except SyncError as error:
        if error.title:
            raise
        raise error.replace(title=title) from error


def error_as_value(title: str, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | SyncError:
    """Run a step for one of several records; return its error, with the record's name, so that others continue."""
    try:
        with naming_record(title):
            return step(*args, **kwargs)
    except SyncError as error:
        return error
