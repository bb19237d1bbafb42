"""The mapping of failed calls to Moment: one table from symptom to consequence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import requests

from i18n.messages import Message, msg
from integrations.moment.bounded_json import parse
from integrations.retry_after import wait_asked_for
from integrations.transport import was_sent
from sync.errors import (
    AnswerTooLargeError,
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RejectedError,
    SyncError,
    UnavailableError,
)
from sync.rules.normalization import clean

_UNAVAILABLE = "moment_unavailable"
_MAX_TEXT_LENGTH = 300
_RETRYABLE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Call:
    """A call, for its error messages: ``doing`` is its purpose, such as "reading customers".

    ``repeatable`` says that doing it twice is the same as doing it once.
    """

    doing: Message
    company: str
    repeatable: bool = True

    def no_answer(
        self,
        what: Message,
        *,
        answered: bool = True,
        retry_after: timedelta | None = None,
        error_code: str = _UNAVAILABLE,
    ) -> SyncError:
        """Return the error if there was no readable response: ``what`` says what Moment did instead.

        ``answered`` says that Moment has finished the call, however badly.
        """
        down = msg("Moment {what} ({doing}).", what=what, doing=self.doing)
        away = UnavailableError(down, error_code=error_code, retry_after=retry_after)
        return self._unless_saved(away, what, answered=answered)

    def too_large(self, what: Message, *, error_code: str) -> SyncError:
        """Return the error if a response exceeded a limit: ``what`` says which."""
        away = AnswerTooLargeError(
            msg("Moment {what} ({doing}).", what=what, doing=self.doing), error_code=error_code
        )
        return self._unless_saved(away, what, answered=True)

    def _unless_saved(self, away: UnavailableError, what: Message, *, answered: bool) -> SyncError:
        if self.repeatable:
            return away
        unsure = msg("Moment {what} ({doing}), so it's unclear whether it was saved.", what=what, doing=self.doing)
        return OutcomeUnknownError(
            unsure,
            error_code="moment_uncertain" if away.error_code == _UNAVAILABLE else away.error_code,
            otherwise=away if answered else None,
        )

    def held_back(self) -> SyncError:
        """Return the error if the call was not made, as Moment answers no connection."""
        silent = msg("Moment isn't responding to any connection right now ({doing}).", doing=self.doing)
        return HeldBackError(silent, error_code=_UNAVAILABLE)

    def connection_failed(self, error: requests.RequestException) -> SyncError:
        if not was_sent(error):
            return UnavailableError(
                msg("Couldn't reach Moment ({doing}).", doing=self.doing), error_code=_UNAVAILABLE
            )
        if isinstance(error, requests.Timeout):
            return self.no_answer(msg("didn't respond in time"), answered=False, error_code="too_slow")
        return self.no_answer(msg("closed the connection"), answered=False)

    def error_status(self, status: int, body: bytes, headers: Mapping[str, str]) -> SyncError:
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return MisconfiguredError(
                    msg("Moment rejects the API key for company {company}.", company=self.company),
                    error_code="moment_key",
                    remedy=msg(
                        "Create a new API key in Moment and enter it in the connection's settings. Keys expire "
                        "after at most two years."
                    ),
                )
            case status if status in _RETRYABLE:
                pause = msg("Moment asked us to wait ({doing}).", doing=self.doing)
                return UnavailableError(pause, error_code=_UNAVAILABLE, retry_after=wait_asked_for(headers))
            case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                said = _message_of(body) or msg("status {status}", status=status)
                refused = msg("Moment rejected this ({doing}): {said}", doing=self.doing, said=said)
                return RejectedError(refused, error_code="moment_refused")
            case _:
                return self.no_answer(
                    msg("responded with status {status}", status=status), retry_after=wait_asked_for(headers)
                )

    def record_gone(self) -> SyncError:
        gone = msg("This record no longer exists in Moment ({doing}).", doing=self.doing)
        return RejectedError(gone, error_code="moment_gone")

    def not_included(self, includes: str) -> SyncError:
        """Return the error if a record can be read, but not with this included."""
        return MisconfiguredError(
            msg("Moment doesn't include “{includes}” ({doing}).", includes=includes, doing=self.doing),
            error_code="moment_includes",
            remedy=msg("Ask your system administrator to correct MOMENT_CUSTOMER_INCLUDES."),
        )

    def no_such_company(self) -> SyncError:
        """Return the error if even a list is not found."""
        return MisconfiguredError(
            msg("Company {company} doesn't exist in Moment.", company=self.company),
            error_code="moment_company",
            remedy=msg("Correct the Moment company id in the connection's settings."),
        )


def _message_of(body: bytes) -> str:
    """Return what Moment says about a refusal. The format is not documented, so every text in the JSON is used."""
    try:
        answer = parse(body)
    except ValueError:
        return ""
    texts = [text for text in answer.values() if isinstance(text, str)] if isinstance(answer, dict) else []
    return clean("; ".join(texts), max_length=_MAX_TEXT_LENGTH)
