"""What an error of 24SevenOffice means for us: one table in which every failed call is looked up.

Errors come back in four ways: a SOAP fault, an ``APIException`` inside a company, a ``SaveResponse`` that is not
Ok, and no usable answer at all. Each is first put into one line, ``<way>: <what it said>``, and the first rule
that fits the line decides, so their order matters.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from i18n.messages import Message, msg
from sync.errors import (
    AnswerTooLargeError,
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    SyncError,
    UnavailableError,
)


class SessionRefusedError(UnavailableError):
    """24SevenOffice did not know the session of a call, and did nothing: a new login mends it."""


class UnreadableError(Exception):
    """What came back is no answer that the operation could have given."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a line that matches ``pattern`` means; ``message`` and ``remedy`` are for the reader of the mail.

    ``error`` is what to raise where nothing was saved; ``open`` says that a call that saves may have saved all the
    same (assumption S8).
    """

    pattern: str
    error: type[UnavailableError | RejectedError | MisconfiguredError]
    error_code: str
    message: Message
    remedy: str = ""
    open: bool = False


MAX_TEXT_LENGTH = 1000
"""Characters that are kept of what 24SevenOffice says."""

ITS_OWN = r"^fault \S*: (.*[:.] )?"
"""What comes before a sentence of 24SevenOffice's own; a text of a record that it repeats stands in quotes."""

QUARANTINE = (
    r"^(fault \S*: )?([\w.]+: )?(Limit exceeded by \d+\. Request is blocked\. )?Quarantine ends at (?P<end>.*)"
)
"""It stops all connections, so nothing else may come before it."""

RULES = (
    Rule(
        r"^company \S*\.(DataBaseServer|Sql)Exception",  # an Id beside it tells that the row may be there
        UnavailableError,
        error_code="system_error",
        message=msg("24SevenOffice has a technical problem"),
        open=True,
    ),
    Rule(
        r"^company ",
        RejectedError,
        error_code="refused",
        message=msg("24SevenOffice refused the customer"),
        remedy=msg("Correct the customer in Moment."),
    ),
    Rule(
        rf"{ITS_OWN}(session is not authenticated|client is not authenticated on)|^result NotAuthenticated",
        SessionRefusedError,
        error_code="session",
        message=msg("24SevenOffice does not accept the session"),
    ),
    Rule(
        QUARANTINE,
        RateLimitedError,
        error_code="quarantine",
        message=msg("24SevenOffice takes no requests for a while, as there were too many"),
    ),
    Rule(
        rf"{ITS_OWN}the provided identity\w* is (blocked|disabled)",
        MisconfiguredError,
        error_code="identity_blocked",
        message=msg("The login has no access to this client of 24SevenOffice"),
        remedy=msg("Unblock it in 24SevenOffice, or enter another identity id in the connection's settings."),
    ),
    Rule(
        rf"{ITS_OWN}the provided identity\w* does not (belong|exist)",
        MisconfiguredError,
        error_code="identity",
        message=msg("The login does not reach this client of 24SevenOffice"),
        remedy=msg("Fetch the clients in the connection's settings, and choose the right one."),
    ),
    Rule(
        r"DepartmentIsRequired",
        RejectedError,
        error_code="department_required",
        message=msg("24SevenOffice requires a department"),
        remedy=msg(
            "Enter a department in the connection's settings, or let 24SevenOffice do without it for projects and "
            "for the accounts of invoices."
        ),
    ),
    Rule(
        r"ProjectIsRequired",
        RejectedError,
        error_code="project_required",
        message=msg("24SevenOffice requires a project"),
        remedy=msg("Put the record on a project in Moment, or let 24SevenOffice do without it for the account."),
    ),
    Rule(
        r"^fault \S*Client:|instance validation error",  # in SOAP 1.1 a fault of the sender, not to be repeated
        RejectedError,
        error_code="not_understood",
        message=msg("24SevenOffice could not read what it was sent"),
        remedy=msg("Look for unusual signs or values in the record in Moment."),
    ),
    Rule(
        r"^result SystemError",
        UnavailableError,
        error_code="system_error",
        message=msg("24SevenOffice has a technical problem"),
        open=True,
    ),
    Rule(
        r"^result \w+: (.*: )?regnskapsåret \d+ er (låst|ikke opprettet)",
        RejectedError,
        error_code="fiscal_year",
        message=msg("24SevenOffice refused the voucher"),
        remedy=msg("Open the fiscal year in 24SevenOffice and try again, or post the invoice by hand."),
        open=True,
    ),
    Rule(
        r"^result \w+: (.*: )?konto \d+ finnes ikke",
        RejectedError,
        error_code="unknown_account",
        message=msg("24SevenOffice refused the voucher"),
        remedy=msg("Open the account in 24SevenOffice or correct it where it is named, then try again."),
        open=True,
    ),
    Rule(
        r"^result .*vat ?is ?not ?in ?balance",
        RejectedError,
        error_code="vat_not_balanced",
        message=msg("24SevenOffice misses the VAT of the voucher in lines of its own"),
        remedy=msg(
            "Choose the other way for the VAT of vouchers in the connection's settings. If it is chosen already, "
            "compare the rate of the VAT code in 24SevenOffice with that of the invoice. Then try again."
        ),
        open=True,
    ),
    Rule(
        r"^result .*vat ?is ?missing ?foundation",
        RejectedError,
        error_code="vat_without_base",
        message=msg("24SevenOffice finds VAT in the voucher without what it is the VAT of"),
        remedy=msg(
            "See that the VAT code of the account has the account of its own VAT in 24SevenOffice, or choose the "
            "other way for the VAT of vouchers in the connection's settings. Then try again."
        ),
        open=True,
    ),
    Rule(
        r"^result .*invoice ?already ?exists",
        RejectedError,
        error_code="invoice_exists",
        message=msg("24SevenOffice has an invoice with this number already"),
        remedy=msg(
            "Look for the invoice number in the customer's ledger in 24SevenOffice. If it is this invoice, mark "
            "it as handled; otherwise post it by hand."
        ),
        open=True,
    ),
    Rule(
        r"^result .*customer ?mismatch ?bank ?account",
        RejectedError,
        error_code="bank_account",
        message=msg("24SevenOffice has another bank account on the customer"),
        remedy=msg("Correct the bank account of the customer in 24SevenOffice, then try again."),
        open=True,
    ),
    Rule(
        r"^result ",
        RejectedError,
        error_code="refused",
        message=msg("24SevenOffice refused the voucher"),
        remedy=msg("Correct what it names, in Moment or in 24SevenOffice, then try again."),
        open=True,
    ),
    Rule(
        r"^fault ",
        UnavailableError,
        error_code="fault",
        message=msg("24SevenOffice answered with an error"),
        open=True,
    ),
    Rule(
        r"^http 429",
        RateLimitedError,
        error_code="too_many_requests",
        message=msg("24SevenOffice gets too many requests just now"),
    ),
    Rule(
        r"^http 4",
        UnavailableError,
        error_code="http_error",
        message=msg("24SevenOffice did not take the request"),
    ),
    Rule(
        r"^http ",
        UnavailableError,
        error_code="http_error",
        message=msg("24SevenOffice has a technical problem"),
        open=True,
    ),
    Rule(
        r"^held back",
        HeldBackError,
        error_code="no_connection",
        message=msg("24SevenOffice answers none of the connections at the moment"),
    ),
    Rule(r"^unsent", UnavailableError, error_code="no_connection", message=msg("24SevenOffice cannot be reached")),
    Rule(
        r"^silent",
        UnavailableError,
        error_code="no_answer",
        message=msg("24SevenOffice gave no answer"),
        open=True,
    ),
    Rule(
        r"^late",
        UnavailableError,
        error_code="too_slow",
        message=msg("24SevenOffice did not answer in time"),
        open=True,
    ),
    Rule(
        r"^too large",
        AnswerTooLargeError,
        error_code="too_large",
        message=msg("24SevenOffice gave an answer that is too large"),
        open=True,
    ),
    Rule(
        r"^too many",
        AnswerTooLargeError,
        error_code="too_many_rows",
        message=msg("24SevenOffice gave an answer with too many rows"),
        open=True,
    ),
    Rule(
        r"^too deep",
        UnavailableError,
        error_code="too_deep",
        message=msg("24SevenOffice gave an answer that is nested too deeply"),
        open=True,
    ),
    Rule(
        r"^multipart",
        UnavailableError,
        error_code="unreadable",
        message=msg("24SevenOffice gave an answer of several parts, which the integration does not read"),
        open=True,
    ),
    Rule(
        r"^unreadable",
        UnavailableError,
        error_code="unreadable",
        message=msg("24SevenOffice gave an answer that cannot be read"),
        open=True,
    ),
)


def error_of(text: str, *, saves: bool, retry_after: timedelta | None = None) -> SyncError:
    """Look up a line as the functions below make it; the answer is the error to raise.

    ``saves`` says that the call would have saved something, so that an error may leave that open.
    """
    rule = next(rule for rule in RULES if re.search(rule.pattern, text, re.IGNORECASE))
    way, _, said = text.partition(": ")
    message = msg("{what}: “{said}”.", what=rule.message, said=said) if said else msg("{what}.", what=rule.message)
    error: SyncError
    if issubclass(rule.error, UnavailableError):
        error = rule.error(message, error_code=rule.error_code, retry_after=retry_after)
    else:
        error = rule.error(message, error_code=rule.error_code, remedy=rule.remedy)
    if not (saves and rule.open):
        return error
    answered = way.startswith(("fault", "result", "company"))
    return OutcomeUnknownError(message, error_code=rule.error_code, otherwise=error if answered else None)


def of_fault(code: str | None, message: str | None) -> str:
    return f"fault {innermost(code)}: {innermost(message)}"


def of_exception(exception: Any) -> str:  # noqa: ANN401 - what zeep makes of an APIException, or None
    """Put the ``APIException`` of a company into a line; empty where it says nothing."""
    if exception is None or not (exception.Type or exception.Message):
        return ""
    type_ = innermost(exception.Type)
    return f"company {type_}: {innermost(exception.Message) or type_}"


def of_result(result: Any) -> str:  # noqa: ANN401 - what zeep makes of a SaveResponse, or None
    """Put the ``SaveResponse`` of ``SaveBundleList`` into a line; empty where it is Ok."""
    if result is None:
        return "unreadable: no result"
    return "" if result.Type == "Ok" else f"result {result.Type}: {innermost(result.Description) or result.Type}"


def innermost(message: str | None) -> str:
    """Take the last of messages nested with `` ---> ``, which is the one that says it, without its stack trace."""
    last = (message or "").rpartition(" ---> ")[2]
    return last.strip().partition("\n")[0][:MAX_TEXT_LENGTH].strip()
