"""The mapping of failed calls to Moment to errors of :mod:`sync.errors`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import requests

from i18n.messages import Message, msg
from integrations.moment.bounded_json import parse
from integrations.remote_clock import retry_after_of
from integrations.transport import was_sent
from sync.error_codes.names import (
    MOMENT_COMPANY,
    MOMENT_GONE,
    MOMENT_INCLUDES,
    MOMENT_KEY,
    MOMENT_REFUSED,
    MOMENT_UNAVAILABLE,
    MOMENT_UNCERTAIN,
    TOO_SLOW,
)
from sync.errors import (
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RejectedError,
    ResponseTooLargeError,
    SyncError,
    UnavailableError,
)
from sync.rules.normalization import clean

_MAX_TEXT_LENGTH = 300
_RETRYABLE = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Call:
    """A call: its purpose, such as "reading customers", and whether making it twice does no harm."""

    doing: Message
    company: str
    repeatable: bool = True

    def unusable_response(
        self,
        what: Message,
        *,
        responded: bool = True,
        retry_after: timedelta | None = None,
        error_code: str = MOMENT_UNAVAILABLE,
    ) -> SyncError:
        """Return the error for an unusable response to a call, which Moment has finished if it ``responded``."""
        message = msg("Moment {what} ({doing}).", what=what, doing=self.doing)
        error = UnavailableError(message, error_code=error_code, retry_after=retry_after)
        return self._or_outcome_unknown(error, what, responded=responded)

    def too_large(self, what: Message, *, error_code: str) -> SyncError:
        """Return the error for a response that exceeded a limit: ``what`` says which limit."""
        error = ResponseTooLargeError(
            msg("Moment {what} ({doing}).", what=what, doing=self.doing), error_code=error_code
        )
        return self._or_outcome_unknown(error, what, responded=True)

    def _or_outcome_unknown(self, error: UnavailableError, what: Message, *, responded: bool) -> SyncError:
        """Return the error of a repeatable call, otherwise that the call may have saved something."""
        if self.repeatable:
            return error
        unsure = msg("Moment {what} ({doing}), so it's unclear whether it was saved.", what=what, doing=self.doing)
        return OutcomeUnknownError(
            unsure,
            error_code=MOMENT_UNCERTAIN if error.error_code == MOMENT_UNAVAILABLE else error.error_code,
            otherwise=error if responded else None,
        )

    def held_back(self) -> SyncError:
        """Return the error for a call that was not made, because Moment responds to no connection."""
        silent = msg("Moment isn't responding to any connection right now ({doing}).", doing=self.doing)
        return HeldBackError(silent, error_code=MOMENT_UNAVAILABLE)

    def connection_failed(self, error: requests.RequestException) -> SyncError:
        if not was_sent(error):
            return UnavailableError(
                msg("Couldn't reach Moment ({doing}).", doing=self.doing), error_code=MOMENT_UNAVAILABLE
            )
        if isinstance(error, requests.Timeout):
            return self.unusable_response(msg("didn't respond in time"), responded=False, error_code=TOO_SLOW)
        return self.unusable_response(msg("closed the connection"), responded=False)

    def error_status(self, status: int, body: bytes, headers: Mapping[str, str]) -> SyncError:
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return MisconfiguredError(
                    msg("Moment rejects the API key for company {company}.", company=self.company),
                    error_code=MOMENT_KEY,
                )
            case status if status in _RETRYABLE:
                pause = msg("Moment asked us to wait ({doing}).", doing=self.doing)
                return UnavailableError(pause, error_code=MOMENT_UNAVAILABLE, retry_after=retry_after_of(headers))
            case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                reason = _message_of(body) or msg("status {status}", status=status)
                refused = msg("Moment rejected this ({doing}): {said}", doing=self.doing, said=reason)
                return RejectedError(refused, error_code=MOMENT_REFUSED)
            case _:
                return self.unusable_response(
                    msg("responded with status {status}", status=status), retry_after=retry_after_of(headers)
                )

    def record_gone(self) -> SyncError:
        gone = msg("This record no longer exists in Moment ({doing}).", doing=self.doing)
        return RejectedError(gone, error_code=MOMENT_GONE)

    def not_included(self, includes: str) -> SyncError:
        """Return the error if a record can be read, but not with these fields included."""
        return MisconfiguredError(
            msg("Moment doesn't include “{includes}” ({doing}).", includes=includes, doing=self.doing),
            error_code=MOMENT_INCLUDES,
            remedy=msg("Ask your system administrator to correct MOMENT_CUSTOMER_INCLUDES."),
        )

    def no_such_company(self) -> SyncError:
        """Return the error if even a list is not found."""
        return MisconfiguredError(
            msg("Company {company} doesn't exist in Moment.", company=self.company),
            error_code=MOMENT_COMPANY,
        )


def _message_of(body: bytes) -> str:
    """Return Moment's message about a refusal. The format is not documented, so all texts in the JSON are used."""
    try:
        values = parse(body)
    except ValueError:
        return ""
    texts = [text for text in values.values() if isinstance(text, str)] if isinstance(values, dict) else []
    return clean("; ".join(texts), max_length=_MAX_TEXT_LENGTH)
