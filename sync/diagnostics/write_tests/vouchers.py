"""Tries out how 24SevenOffice keeps a voucher: posts one of 1 krone, looks it up, and posts its exact reversal."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import structlog

from i18n.messages import msg
from models.inbox.leases import CRASHED
from sync.diagnostics.findings import Finding, bad, good, safely, unknown
from sync.diagnostics.write_tests import ledger
from sync.diagnostics.write_tests.artifacts import WriteTestContext, write_failed
from sync.diagnostics.write_tests.ledger import VoucherTest
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, SyncError
from sync.records import Entry, PostedLine, Voucher

log = structlog.get_logger()

ORE_PER_KRONE = 100
REVENUE_ACCOUNTS = range(3000, 4000)

NUMBER_OFFSET = 1000
"""How far above the next number of the series the voucher is numbered, where numbers are Moment's: its next
invoices keep theirs, and a number that 24SevenOffice would not have given shows whether ours are kept (S1)."""


def voucher(context: WriteTestContext, *, customer_number: int, project_number: int | None) -> Iterator[Finding]:
    """Post a voucher of 1 krone as those of invoices, look at it in the ledger, and take it back."""
    target = context.target
    years = [each for each in target.erp.fiscal_years() if each.starts <= target.today <= each.ends]
    year = next((each for each in years if not each.locked), None)
    account = _account(context)
    if year is None or account is None:
        yield unknown(
            msg("No voucher was tried out: it takes an open fiscal year and a revenue account."),
            msg("Mend what the lines above name first."),
            tests="S1, S10, S18",
        )
        return
    number = target.erp.next_voucher_number(target.today)
    if target.settings.voucher_number == "moment":
        number += NUMBER_OFFSET
    department = target.settings.department
    entry = partial(Entry, customer_number=customer_number, project_number=project_number, department=department)
    entries = (
        entry(target.settings.receivables_account, ORE_PER_KRONE),
        entry(account[0], -ORE_PER_KRONE, tax_code=account[1]),
    )
    tried = Voucher(number, number, target.today, target.today, entries, comment=context.name)
    yield from _posted(VoucherTest(context, tried, year))


def _account(context: WriteTestContext) -> tuple[int, str] | None:
    """Tell a revenue account with its VAT code: one of Moment's before others, one with VAT before others."""
    target = context.target
    chart = target.erp.tax_codes()
    try:
        theirs: Mapping[int, str] = target.moment.account_codes()
    except (MisconfiguredError, RejectedError):
        theirs = {}
    named = {
        account: target.settings.vat_codes.get(account) or theirs.get(account) or chart[account]
        for account in chart
        if account in theirs or account in REVENUE_ACCOUNTS
    }
    rates = target.erp.vat_codes()
    first = min(named, key=lambda each: (not rates.get(named[each]), each not in theirs, each), default=None)
    return None if first is None else (first, named[first])


def _posted(voucher_test: VoucherTest) -> Iterator[Finding]:
    context, tried = voucher_test.context, voucher_test.voucher
    told = {"number": tried.number, "year": voucher_test.year.number}
    context.artifacts.creating("voucher", msg("voucher {number} of {year} over 1 krone in 24SevenOffice", **told))
    error = _post(voucher_test, tried)
    lines: list[PostedLine] = []
    if failed := list(safely("vouchers.posted", _look(voucher_test, lines))):
        yield from failed
        if error is None and context.target.settings.posting == "ledger":
            _stands(voucher_test)
            yield from _reversed(voucher_test)
    elif error and not lines:
        yield _not_posted(voucher_test, error)
    elif context.target.settings.posting == "draft":
        yield _drafted(voucher_test, lines)
    elif not lines:
        yield _unseen(voucher_test)
    else:
        _stands(voucher_test)
        yield from safely("ledger.looked_at", ledger.check_ledger(voucher_test, lines))
        yield from safely("ledger.whole", ledger.check_whole_voucher(voucher_test, lines))
        yield from _reversed(voucher_test)


def _stands(voucher_test: VoucherTest) -> None:
    told = {"number": voucher_test.voucher.number, "year": voucher_test.year.number}
    left = msg("voucher {number} of {year} over 1 krone in 24SevenOffice, which is not reversed", **told)
    voucher_test.context.artifacts.created("voucher", left)


def _look(voucher_test: VoucherTest, lines: list[PostedLine]) -> Iterator[Finding]:
    """Put the lines of the voucher in the ledger into a list; finds nothing by itself."""
    lines += voucher_test.context.target.erp.posted(
        voucher_test.voucher.invoice_number, day=voucher_test.voucher.day
    )
    yield from ()


def _not_posted(voucher_test: VoucherTest, error: SyncError) -> Finding:
    """Tell of a refusal; the voucher is not there where the answer was clear, or the ledger would show it."""
    seen = (
        voucher_test.context.target.settings.posting == "ledger"
        and isinstance(error, OutcomeUnknownError)
        and not error.no_answer
    )
    if seen or not error.outcome_unknown:
        voucher_test.context.artifacts.removed("voucher")
    return write_failed(error, tests="S1, S10")


def _unseen(voucher_test: VoucherTest) -> Finding:
    number = voucher_test.voucher.number
    left = msg(
        "voucher {number} of {year} over 1 krone: look for it in 24SevenOffice and reverse it",
        number=number,
        year=voucher_test.year.number,
    )
    voucher_test.context.artifacts.created("voucher", left)
    return bad(
        msg(
            "24SevenOffice took voucher {number}, and the ledger does not have its invoice number.", number=number
        ),
        msg(
            "Look for it in 24SevenOffice. If it waits in a journal, vouchers are not posted at once; if it has "
            "no invoice number, an invoice may be posted twice after an outage."
        ),
        tests="S9, S18",
    )


def _post(voucher_test: VoucherTest, voucher: Voucher) -> SyncError | None:
    try:
        voucher_test.context.target.erp.post([voucher], year=voucher_test.year.number)
    except SyncError as error:
        return error
    except Exception as error:
        log.exception("check_crashed", check="vouchers.post")
        told = msg("The bridge itself failed on this record ({error}).", error=type(error).__name__)
        return OutcomeUnknownError(told, error_code=CRASHED)
    return None


def _drafted(voucher_test: VoucherTest, lines: Sequence[PostedLine]) -> Finding:
    told = {"number": voucher_test.voucher.number, "year": voucher_test.year.number}
    if lines:
        left = msg("voucher {number} of {year} over 1 krone in 24SevenOffice: reverse it there", **told)
        voucher_test.context.artifacts.created("voucher", left)
        return bad(
            msg(
                "Voucher {number} was to wait in a journal, and stands in the ledger.",
                number=voucher_test.voucher.number,
            ),
            msg("Invoices are posted at once, whatever is set. Post them to the ledger, or ask 24SevenOffice."),
            setting="posting",
            tests="S9",
        )
    left = msg("voucher {number} of {year} in a journal of 24SevenOffice: delete it there", **told)
    voucher_test.context.artifacts.created("voucher", left)
    what = msg(
        "The ledger does not show voucher {number}: it waits in a journal.", number=voucher_test.voucher.number
    )
    return good(what, setting="posting", tests="S9")


def _reversed(voucher_test: VoucherTest) -> Iterator[Finding]:
    context, back = voucher_test.context, voucher_test.reversal
    told = {"number": voucher_test.voucher.number, "other": back.number, "year": voucher_test.year.number}
    error = _post(voucher_test, back)
    if error and not context.target.erp.posted(back.invoice_number, day=back.day):
        remains = msg(
            "voucher {number} of {year} over 1 krone in 24SevenOffice; unless voucher {other} cancels it out, "
            "reverse it there",
            **told,
        )
        context.artifacts.created("voucher", remains)
        yield write_failed(error, tests="S19" if context.target.settings.voucher_number == "series" else "S10")
        return
    both = msg("vouchers {number} and {other} of {year} in 24SevenOffice, which cancel each other out", **told)
    context.artifacts.created("voucher", both)
    tests = "S10, S19" if context.target.settings.voucher_number == "series" else "S10"
    yield good(msg("Its reversal is taken as a credit note, under the number that follows."), tests=tests)
