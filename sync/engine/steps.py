"""Steps for one record that run one after another, even if some of them fail."""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from i18n.messages import joined
from sync.errors import CONNECTION_ERRORS, RejectedError, SyncError, error_as_value

P = ParamSpec("P")
T = TypeVar("T")


class Steps:
    """Runs the steps for the record called ``title`` and collects their errors."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._errors: list[SyncError] = []

    def take(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Run a step; return None if it fails. Raises errors of the connection: the next step would fail too."""
        result = error_as_value(self._title, step, *args, **kwargs)
        if not isinstance(result, SyncError):
            return result
        self._errors.append(result)
        if isinstance(result, CONNECTION_ERRORS):
            self.raise_errors()
        return None

    def raise_errors(self) -> None:
        """Raise the collected errors, if any, as one."""
        if self._errors:
            raise _combine(self._errors)


def _combine(errors: Sequence[SyncError]) -> SyncError:
    """Combine errors into one: one that is retried automatically comes before those that need a person."""
    error = min(errors, key=_rank).replace(outcome_unknown=any(each.outcome_unknown for each in errors))
    if isinstance(error, CONNECTION_ERRORS):
        return error
    return error.replace(
        message=joined(*dict.fromkeys(each.message for each in errors), between=" "),
        remedy=joined(*dict.fromkeys(each.remedy for each in errors if each.remedy), between=" "),
    )


def _rank(error: SyncError) -> int:
    return 0 if isinstance(error, CONNECTION_ERRORS) else 2 if isinstance(error, RejectedError) else 1
