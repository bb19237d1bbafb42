"""The mapping of 24SevenOffice's errors: one table in which every failed call is looked up.

A SOAP fault, an ``APIException`` in a company, a ``SaveResponse`` that is not Ok, or a missing response is first
written as one line, ``<form>: <message>``. The first rule that matches the line decides, so their order matters.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from i18n.messages import Message, msg
from sync.error_codes.names import (
    ACCOUNT_UNKNOWN,
    BANK_ACCOUNT,
    DEPARTMENT_REQUIRED,
    FAULT,
    FISCAL_YEAR,
    HTTP_ERROR,
    IDENTITY,
    IDENTITY_BLOCKED,
    INVOICE_EXISTS,
    NO_CONNECTION,
    NO_RESPONSE,
    NOT_UNDERSTOOD,
    PROJECT_REQUIRED,
    QUARANTINE,
    REFUSED,
    SESSION,
    SYSTEM_ERROR,
    TOO_DEEP,
    TOO_LARGE,
    TOO_MANY_REQUESTS,
    TOO_MANY_ROWS,
    TOO_SLOW,
    UNREADABLE,
    VAT_NOT_BALANCED,
    VAT_WITHOUT_BASE,
)
from sync.errors import (
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    ResponseTooLargeError,
    SyncError,
    UnavailableError,
)


class SessionRefusedError(UnavailableError):
    """24SevenOffice did not accept the session of a call and did nothing; log in again."""


class UnreadableError(Exception):
    """The response is not one that the operation can return."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The meaning of a line that matches ``pattern``; ``message`` and ``remedy`` are for the reader of the mail.

    ``error`` is raised if nothing was saved; ``may_have_saved``: a call that saves may still have saved something
    (assumption S8).
    """

    pattern: str
    error: type[UnavailableError | RejectedError | MisconfiguredError]
    error_code: str
    message: Message
    remedy: str = ""
    may_have_saved: bool = False


MAX_TEXT_LENGTH = 1000
"""Characters kept of 24SevenOffice's message."""

ITS_OWN = r"^fault \S*: (.*[:.] )?"
"""The beginning of a message in 24SevenOffice's own words; text repeated from a record is in quotes."""

QUARANTINE_MESSAGE = (
    r"^(fault \S*: )?([\w.]+: )?(Limit exceeded by \d+\. Request is blocked\. )?Quarantine ends at (?P<end>.*)"
)
"""It stops all connections, so its rule comes before other rules for faults."""

RULES = (
    Rule(
        r"^company \S*\.(DataBaseServer|Sql)Exception",  # with an Id beside it, the row may exist
        UnavailableError,
        error_code=SYSTEM_ERROR,
        message=msg("24SevenOffice has a technical problem"),
        may_have_saved=True,
    ),
    Rule(
        r"^company ",
        RejectedError,
        error_code=REFUSED,
        message=msg("24SevenOffice rejected the customer"),
        remedy=msg("Correct the customer in Moment."),
    ),
    Rule(
        rf"{ITS_OWN}(session is not authenticated|client is not authenticated on)|^result NotAuthenticated",
        SessionRefusedError,
        error_code=SESSION,
        message=msg("24SevenOffice rejected the session"),
    ),
    Rule(
        QUARANTINE_MESSAGE,
        RateLimitedError,
        error_code=QUARANTINE,
        message=msg("24SevenOffice is temporarily blocking requests because there were too many"),
    ),
    Rule(
        rf"{ITS_OWN}the provided identity\w* is (blocked|disabled)",
        MisconfiguredError,
        error_code=IDENTITY_BLOCKED,
        message=msg("The sign-in has no access to this 24SevenOffice client"),
    ),
    Rule(
        rf"{ITS_OWN}the provided identity\w* does not (belong|exist)",
        MisconfiguredError,
        error_code=IDENTITY,
        message=msg("The sign-in doesn't include this 24SevenOffice client"),
    ),
    Rule(
        r"DepartmentIsRequired",
        RejectedError,
        error_code=DEPARTMENT_REQUIRED,
        message=msg("24SevenOffice requires a department"),
    ),
    Rule(
        r"ProjectIsRequired",
        RejectedError,
        error_code=PROJECT_REQUIRED,
        message=msg("24SevenOffice requires a project"),
    ),
    Rule(
        r"^fault \S*Client:|instance validation error",  # in SOAP 1.1, a fault of the sender: do not repeat
        RejectedError,
        error_code=NOT_UNDERSTOOD,
        message=msg("24SevenOffice couldn't read the request"),
    ),
    Rule(
        r"^result SystemError",
        UnavailableError,
        error_code=SYSTEM_ERROR,
        message=msg("24SevenOffice has a technical problem"),
        may_have_saved=True,
    ),
    Rule(
        r"^result \w+: (.*: )?regnskapsåret \d+ er (låst|ikke opprettet)",
        RejectedError,
        error_code=FISCAL_YEAR,
        message=msg("24SevenOffice rejected the voucher"),
        may_have_saved=True,
    ),
    Rule(
        r"^result \w+: (.*: )?konto \d+ finnes ikke",
        RejectedError,
        error_code=ACCOUNT_UNKNOWN,
        message=msg("24SevenOffice rejected the voucher"),
        may_have_saved=True,
    ),
    Rule(
        r"^result .*vat ?is ?not ?in ?balance",
        RejectedError,
        error_code=VAT_NOT_BALANCED,
        message=msg("24SevenOffice expects the voucher's VAT on separate lines"),
        may_have_saved=True,
    ),
    Rule(
        r"^result .*vat ?is ?missing ?foundation",
        RejectedError,
        error_code=VAT_WITHOUT_BASE,
        message=msg("24SevenOffice found VAT in the voucher without a base amount"),
        may_have_saved=True,
    ),
    Rule(
        r"^result .*invoice ?already ?exists",
        RejectedError,
        error_code=INVOICE_EXISTS,
        message=msg("24SevenOffice already has an invoice with this number"),
        may_have_saved=True,
    ),
    Rule(
        r"^result .*customer ?mismatch ?bank ?account",
        RejectedError,
        error_code=BANK_ACCOUNT,
        message=msg("24SevenOffice has another bank account on the customer"),
        may_have_saved=True,
    ),
    Rule(
        r"^result ",
        RejectedError,
        error_code=REFUSED,
        message=msg("24SevenOffice rejected the voucher"),
        may_have_saved=True,
    ),
    Rule(
        r"^fault ",
        UnavailableError,
        error_code=FAULT,
        message=msg("24SevenOffice responded with an error"),
        may_have_saved=True,
    ),
    Rule(
        r"^http 429",
        RateLimitedError,
        error_code=TOO_MANY_REQUESTS,
        message=msg("24SevenOffice gets too many requests right now"),
    ),
    Rule(
        r"^http 4",
        UnavailableError,
        error_code=HTTP_ERROR,
        message=msg("24SevenOffice didn't accept the request"),
    ),
    Rule(
        r"^http ",
        UnavailableError,
        error_code=HTTP_ERROR,
        message=msg("24SevenOffice has a technical problem"),
        may_have_saved=True,
    ),
    Rule(
        r"^held back",
        HeldBackError,
        error_code=NO_CONNECTION,
        message=msg("24SevenOffice isn't responding to any connection right now"),
    ),
    Rule(r"^unsent", UnavailableError, error_code=NO_CONNECTION, message=msg("24SevenOffice can't be reached")),
    Rule(
        r"^silent",
        UnavailableError,
        error_code=NO_RESPONSE,
        message=msg("24SevenOffice didn't respond"),
        may_have_saved=True,
    ),
    Rule(
        r"^late",
        UnavailableError,
        error_code=TOO_SLOW,
        message=msg("24SevenOffice didn't respond in time"),
        may_have_saved=True,
    ),
    Rule(
        r"^too large",
        ResponseTooLargeError,
        error_code=TOO_LARGE,
        message=msg("24SevenOffice sent a response that is too large"),
        may_have_saved=True,
    ),
    Rule(
        r"^too many",
        ResponseTooLargeError,
        error_code=TOO_MANY_ROWS,
        message=msg("24SevenOffice sent a response with too many rows"),
        may_have_saved=True,
    ),
    Rule(
        r"^too deep",
        UnavailableError,
        error_code=TOO_DEEP,
        message=msg("24SevenOffice sent a response that is nested too deeply"),
        may_have_saved=True,
    ),
    Rule(
        r"^multipart",
        UnavailableError,
        error_code=UNREADABLE,
        message=msg("24SevenOffice sent a multi-part response, which the integration doesn't support"),
        may_have_saved=True,
    ),
    Rule(
        r"^unreadable",
        UnavailableError,
        error_code=UNREADABLE,
        message=msg("24SevenOffice sent an unreadable response"),
        may_have_saved=True,
    ),
)


def error_of(text: str, *, saves: bool, retry_after: timedelta | None = None) -> SyncError:
    """Return the error of a line made below; its outcome may be unknown if the call ``saves`` something."""
    rule = next(rule for rule in RULES if re.search(rule.pattern, text, re.IGNORECASE))
    form, _, detail = text.partition(": ")
    message = (
        msg("{what}: “{said}”.", what=rule.message, said=detail) if detail else msg("{what}.", what=rule.message)
    )
    error: SyncError
    if issubclass(rule.error, UnavailableError):
        error = rule.error(message, error_code=rule.error_code, retry_after=retry_after)
    else:
        error = rule.error(message, error_code=rule.error_code, remedy=rule.remedy)
    if not (saves and rule.may_have_saved):
        return error
    responded = form.startswith(("fault", "result", "company"))
    return OutcomeUnknownError(message, error_code=rule.error_code, otherwise=error if responded else None)


def of_fault(code: str | None, message: str | None) -> str:
    return f"fault {innermost(code)}: {innermost(message)}"


def of_exception(exception: Any) -> str:  # noqa: ANN401 - what zeep makes of an APIException, or None
    """Write the ``APIException`` of a company as a line; empty if there is none."""
    if exception is None or not (exception.Type or exception.Message):
        return ""
    type_ = innermost(exception.Type)
    return f"company {type_}: {innermost(exception.Message) or type_}"


def of_result(result: Any) -> str:  # noqa: ANN401 - what zeep makes of a SaveResponse, or None
    """Write the ``SaveResponse`` of ``SaveBundleList`` as a line; empty if it is Ok."""
    if result is None:
        return "unreadable: no result"
    return "" if result.Type == "Ok" else f"result {result.Type}: {innermost(result.Description) or result.Type}"


def innermost(message: str | None) -> str:
    """Return the last of messages nested with `` ---> ``, the cause, without its stack trace."""
    last = (message or "").rpartition(" ---> ")[2]
    return last.strip().partition("\n")[0][:MAX_TEXT_LENGTH].strip()
