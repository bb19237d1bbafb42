"""Tries out how 24SevenOffice keeps a voucher: posts one of 1 krone, looks it up, and posts its exact reversal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

import structlog

from i18n.messages import msg
from models.connections.account_ranges import AccountRanges
from models.inbox.leases import CRASHED
from sync.diagnostics.findings import Finding, Target, bad, good, not_needed, safely, unknown
from sync.diagnostics.write_tests.artifacts import WriteTestContext, write_failed
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, SyncError
from sync.money import format_kroner, format_rate
from sync.records import Entry, FiscalYear, LedgerLine, Voucher
from sync.rules.vat_allocation import VAT_ACCOUNTS
from sync.rules.vouchers import REVENUE_ACCOUNTS, find_posted

log = structlog.get_logger()

AN_HOUR = timedelta(hours=1)
ORE_PER_KRONE = 100

NUMBER_OFFSET = 1000
"""How far above the next number of the series the voucher is numbered, where numbers are Moment's: its next
invoices keep theirs, and a number that 24SevenOffice would not have given shows whether ours are kept (S1)."""


def voucher(context: WriteTestContext, *, customer_number: int, project_number: int | None) -> Iterator[Finding]:
    """Post a voucher of 1 krone as those of invoices, look at it in the ledger, and take it back."""
    target = context.target
    years = [each for each in target.erp.fiscal_years() if each.starts <= target.today <= each.ends]
    year = next((each for each in years if not each.locked), None)
    account = _account(target)
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
    yield from _VoucherTest(context, tried, year).run()


def _account(target: Target) -> tuple[int, str] | None:
    """Return a revenue account with its VAT code: one of Moment's before others, one with VAT before others."""
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


@dataclass
class _VoucherTest:
    context: WriteTestContext
    voucher: Voucher
    year: FiscalYear

    def __post_init__(self) -> None:
        self.erp, self.settings = self.context.target.erp, self.context.target.settings
        self.number = self.voucher.number
        self.named = {"number": self.number, "year": self.year.number}
        self.lines: list[LedgerLine] = []

    def run(self) -> Iterator[Finding]:
        made = msg("voucher {number} of {year} over 1 krone in 24SevenOffice", **self.named)
        self.context.artifacts.creating("voucher", made)
        error = self._post(self.voucher)
        if failed := list(safely("vouchers.posted", self._look())):
            yield from failed
            if error is None and self.settings.posting == "ledger":
                self._stands()
                yield from self._reversed()
        elif error and not self.lines:
            yield self._not_posted(error)
        elif self.settings.posting == "draft":
            yield self._drafted()
        elif not self.lines:
            yield self._unseen()
        else:
            self._stands()
            yield from safely("ledger.looked_at", self._compared())
            yield from safely("ledger.whole", self._whole())
            yield from self._reversed()

    def _post(self, voucher: Voucher) -> SyncError | None:
        try:
            self.erp.post([voucher], year=self.year.number)
        except SyncError as error:
            return error
        except Exception as error:
            log.exception("check_crashed", check="vouchers.post")
            told = msg("The bridge itself failed on this record ({error}).", error=type(error).__name__)
            return OutcomeUnknownError(told, error_code=CRASHED)
        return None

    def _look(self) -> Iterator[Finding]:
        """Remember the lines of the voucher in the ledger; finds nothing by itself."""
        self.lines += self.erp.posted(self.number, day=self.voucher.day)
        yield from ()

    def _left(self, what: str) -> None:
        self.context.artifacts.created("voucher", what)

    def _stands(self) -> None:
        self._left(
            msg("voucher {number} of {year} over 1 krone in 24SevenOffice, which is not reversed", **self.named)
        )

    def _not_posted(self, error: SyncError) -> Finding:
        """Report a refusal; the voucher is not there where the answer was clear, or the ledger would show it."""
        answered = isinstance(error, OutcomeUnknownError) and not error.no_answer
        if (answered and self.settings.posting == "ledger") or not error.outcome_unknown:
            self.context.artifacts.removed("voucher")
        return write_failed(error, tests="S1, S10")

    def _unseen(self) -> Finding:
        self._left(
            msg(
                "voucher {number} of {year} over 1 krone: look for it in 24SevenOffice and reverse it",
                **self.named,
            )
        )
        return bad(
            msg(
                "24SevenOffice took voucher {number}, and the ledger does not have its invoice number.",
                number=self.number,
            ),
            msg(
                "Look for it in 24SevenOffice. If it waits in a journal, vouchers are not posted at once; if it "
                "has no invoice number, an invoice may be posted twice after an outage."
            ),
            tests="S9, S18",
        )

    def _drafted(self) -> Finding:
        if self.lines:
            self._left(
                msg("voucher {number} of {year} over 1 krone in 24SevenOffice: reverse it there", **self.named)
            )
            return bad(
                msg("Voucher {number} was to wait in a journal, and stands in the ledger.", number=self.number),
                msg(
                    "Invoices are posted at once, whatever is set. Post them to the ledger, or ask 24SevenOffice."
                ),
                setting="posting",
                tests="S9",
            )
        self._left(msg("voucher {number} of {year} in a journal of 24SevenOffice: delete it there", **self.named))
        what = msg("The ledger does not show voucher {number}: it waits in a journal.", number=self.number)
        return good(what, setting="posting", tests="S9")

    def _reversed(self) -> Iterator[Finding]:
        """Post the same turned around, as a credit note is."""
        entries = tuple(replace(entry, amount=-entry.amount) for entry in self.voucher.entries)
        other = self.number + 1
        back = replace(self.voucher, number=other, invoice_number=other, entries=entries)
        in_series = self.settings.voucher_number == "series"
        error = self._post(back)
        if error and not self.erp.posted(other, day=back.day):
            self._left(
                msg(
                    "voucher {number} of {year} over 1 krone in 24SevenOffice; unless voucher {other} "
                    "cancels it out, reverse it there",
                    **self.named,
                    other=other,
                )
            )
            yield write_failed(error, tests="S19" if in_series else "S10")
            return
        both = msg(
            "vouchers {number} and {other} of {year} in 24SevenOffice, which cancel each other out",
            **self.named,
            other=other,
        )
        self._left(both)
        yield good(
            msg("Its reversal is taken as a credit note, under the number that follows."),
            tests="S10, S19" if in_series else "S10",
        )

    def _compared(self) -> Iterator[Finding]:
        """Compare what is found by the invoice number with what was sent."""
        owed = next(
            (line for line in self.lines if line.account == self.settings.receivables_account), self.lines[0]
        )
        wanted = self.voucher.entries[0]
        if find_posted(self.voucher, self.lines) is None:
            yield bad(
                msg(
                    "The ledger has voucher {number} otherwise than it was sent: {amount} kroner of customer "
                    "{customer} on {day}.",
                    number=owed.voucher_number,
                    amount=format_kroner(owed.amount),
                    customer=owed.customer_number or "?",
                    day=f"{owed.day:%d.%m.%Y}",
                ),
                msg("After an outage such a voucher is left to a person. Compare it with what was sent."),
                tests="S12, S18",
            )
        else:
            what = msg("A voucher is posted at once, and found by its invoice number on its day.")
            yield good(what, tests="S9, S12, S18")
        yield _numbered(self.number, owed.voucher_number)
        factoring = self.settings.factoring_id
        if (owed.customer_number, owed.project_number) != (wanted.customer_number, wanted.project_number):
            yield unknown(
                msg("The ledger does not show customer and project on what is owed, as they were sent."),
                msg("Look at the voucher in 24SevenOffice."),
                tests="S3" if factoring else "S18",
            )
        elif factoring:
            what = msg("The voucher stands on the factoring company, customer {number}.", number=factoring)
            yield good(what, setting="factoring_id", tests="S3")

    def _whole(self) -> Iterator[Finding]:
        """Read the whole voucher by its name, and see what has become of the VAT."""
        now = self.context.target.now
        receivables = AccountRanges.parse(str(self.voucher.entries[0].account))
        names = self.erp.changed_vouchers(receivables, since=now - AN_HOUR, until=now + AN_HOUR)
        start, end = f"{self.year.number}-", f"-{self.lines[0].voucher_number}"
        ours = (name for name in names if name.startswith(start) and name.endswith(end))
        lines = [line for name in ours for line in self.erp.supplier_voucher(name)]
        if sum(line.amount for line in lines) or not lines:
            yield unknown(
                msg("The voucher is not found whole in the ledger by year, type and number."),
                msg("Look for its number: it may be used twice in a year."),
                tests="S21",
            )
            return
        yield good(msg("The voucher is found whole in the ledger by year, type and number."), tests="S21")
        yield from _taxed(self.voucher.entries[1], lines, rates=self.erp.vat_codes())


def _numbered(sent: int, got: int) -> Finding:
    if sent == got:
        what = msg("A voucher keeps the number that it is sent with: {number}.", number=sent)
        return good(what, setting="voucher_number", tests="S1, S10")
    return bad(
        msg("A voucher was sent with number {sent}, and stands under {got}.", sent=sent, got=got),
        msg("Let 24SevenOffice number the vouchers, by the setting “voucher number”."),
        setting="voucher_number",
        tests="S1, S10",
    )


def _taxed(revenue: Entry, lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]) -> Iterator[Finding]:
    if not revenue.tax_code:
        yield not_needed(
            msg("Account {account} has no VAT code, so that VAT is not tried out.", account=revenue.account)
        )
        return
    booked = [line for line in lines if line.account == revenue.account]
    if any(line.vat_code == revenue.tax_code for line in booked):
        yield good(
            msg("The line on {account} has VAT code {code}.", account=revenue.account, code=revenue.tax_code),
            tests="S4",
        )
    else:
        yield unknown(
            msg(
                "The line on {account} was sent with VAT code {code}, and does not show it.",
                account=revenue.account,
                code=revenue.tax_code,
            ),
            msg("Look at the VAT of the voucher in 24SevenOffice."),
            tests="S4",
        )
    vat = -sum(line.amount for line in lines if line.account in VAT_ACCOUNTS)
    yield _split(vat, code=revenue.tax_code, rate=rates.get(revenue.tax_code, Decimal()))


def _split(vat: int, *, code: str, rate: Decimal) -> Finding:
    """Compare the VAT that stands in the ledger, in øre, with what the rate of its code makes of 1 krone."""
    expected = int((100 * rate / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP))
    if not vat:
        return unknown(
            msg("The voucher has no line for its VAT."),
            msg(
                "If VAT code {code} has a rate, revenue would include VAT: look at the VAT report first.",
                code=code,
            ),
            tests="S24, S27",
        )
    if vat != expected:
        return unknown(
            msg(
                "24SevenOffice splits off {amount} of 1 krone, where VAT code {code} is at {rate} %.",
                amount=format_kroner(vat),
                code=code,
                rate=format_rate(rate),
            ),
            msg("Look at the VAT codes in 24SevenOffice: invoices are compared with these rates."),
            setting="check_vat",
            tests="S24, S27",
        )
    return good(
        msg("24SevenOffice splits the VAT off: {amount} of 1 krone.", amount=format_kroner(vat)), tests="S24, S27"
    )
