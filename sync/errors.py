"""Errors named by their consequence: what happens next, not what went wrong inside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from models.enums import Record

if TYPE_CHECKING:
    from sync.records import Invoice  # which imports this

P = ParamSpec("P")
T = TypeVar("T")


MAX_RETRY_AFTER = timedelta(hours=1)
"""What is believed of a wait that a remote system asks for."""


class SyncError(Exception):
    """A record was not synced, and ``message`` tells the person who gets the mail why.

    ``title`` names the record as a person does. ``outcome_unknown`` says that something may have been saved all
    the same, so that whoever tries next looks before it writes. ``retry_after`` is the least wait that the other
    system asks for, if it says. Failures of the same ``error_code`` are listed and tried again together; what it
    means stands in :mod:`sync.error_codes`. ``remedy`` is empty where nothing is needed. ``invoice`` is what
    could be read of an invoice that is refused.
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
        """Make a copy that says what is given, or that something may have been saved."""
        changed = type(self).__new__(type(self), *self.args)
        vars(changed).update(vars(self))
        changed.title, changed.message = title or self.title, message or self.message
        changed.remedy, changed.invoice = remedy or self.remedy, invoice or self.invoice
        changed.outcome_unknown = outcome_unknown or self.outcome_unknown
        return changed


class UnavailableError(SyncError):
    """The other system did not do it now and will later: nothing was saved, and it is tried again by itself."""

    max_retry_after = MAX_RETRY_AFTER

    def __init__(self, message: str, *, error_code: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(message, error_code=error_code)
        self.retry_after = min(retry_after, self.max_retry_after) if retry_after else retry_after


class RateLimitedError(UnavailableError):
    """The other system allows only so many requests, and they are used up: tried again when there are more.

    No outage, and no fault of the record: however often it happens, nobody has to look at the record for it.
    ``error_code`` tells whose limit it is, and ``retry_after`` when it is worth another try.
    """

    max_retry_after = timedelta(hours=2)  # our own count of an hour ends a little later than that


class HeldBackError(UnavailableError):
    """The call was not made, as the other system answers other connections no better: no attempt is counted."""


class AnswerTooLargeError(UnavailableError):
    """The answer holds more than is read at a time: whoever asks for less at a time gets it."""


class OutcomeUnknownError(SyncError):
    """It may have been saved or not: whoever tries next looks before it writes.

    ``otherwise`` is given where the other system has answered, hence is done with it: what the answer means
    if a look shows that nothing was saved. Without it (no answer came) looking at once may be too early.
    """

    outcome_unknown = True

    def __init__(self, message: str, *, error_code: str = "", otherwise: SyncError | None = None) -> None:
        super().__init__(message, error_code=error_code)
        self.otherwise = otherwise

    @property
    def no_answer(self) -> bool:
        """Whether the other system gave no answer that means anything."""
        return self.otherwise is None


class DependencyPendingError(SyncError):
    """Another record must be synced first, and this one is taken up again when it is."""

    error_code = "dependency_pending"

    def __init__(self, message: str, *, dependency: Record) -> None:
        super().__init__(message)
        self.dependency = dependency


class RejectedError(SyncError):
    """The record cannot be synced as it is: a person corrects it."""


class DependencyEndedError(RejectedError):
    """The record that must be synced first ended without a link: taken up again should it get one after all."""

    def __init__(self, message: str, *, error_code: str, remedy: str, dependency: Record) -> None:
        super().__init__(message, error_code=error_code, remedy=remedy)
        self.dependency = dependency


class MisconfiguredError(SyncError):
    """The connection cannot work as it is set up: it pauses until a person corrects its settings."""


class CrashError(SyncError):
    """A bug of ours, so that nobody knows what was saved: tried a few times, alone, then shown to a person."""

    outcome_unknown = True


class BrokenOffError(SyncError):
    """Our own database went away in the middle of it: no fault of the record, nor of its connection."""

    error_code = "broken_off"


CONNECTION_ERRORS = (UnavailableError, MisconfiguredError, BrokenOffError)
"""After these no further record is prepared. What is ready is still sent, unless the settings are wrong."""


@contextmanager
def naming_record(title: str) -> Iterator[None]:
    """Name the record that an error inside is about."""
    try:
        yield
    except SyncError as error:
        if error.title:
            raise
        raise error.replace(title=title) from error


def error_as_value(title: str, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | SyncError:
    """Take a step for one of several records; its error is the answer, named, and harms no other record."""
    try:
        with naming_record(title):
            return step(*args, **kwargs)
    except SyncError as error:
        return error
