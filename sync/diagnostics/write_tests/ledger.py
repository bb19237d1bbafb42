"""What the ledger of 24SevenOffice shows of the voucher that a rehearsal has posted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from i18n.messages import msg
from models.connections.account_ranges import AccountRanges
from sync.diagnostics.findings import Finding, bad, good, not_needed, unknown
from sync.diagnostics.write_tests.artifacts import WriteTestContext
from sync.money import format_kroner, format_rate
from sync.records import Entry, FiscalYear, LedgerLine, PostedLine, Voucher
from sync.rules.vat_allocation import VAT_ACCOUNTS
from sync.rules.vouchers import find_posted

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class VoucherTest:
    """A voucher that is tried out, in a fiscal year."""

    context: WriteTestContext
    voucher: Voucher
    year: FiscalYear

    @property
    def reversal(self) -> Voucher:
        """The same turned around, as a credit note is."""
        entries = tuple(replace(entry, amount=-entry.amount) for entry in self.voucher.entries)
        number = self.voucher.number + 1
        return replace(self.voucher, number=number, invoice_number=number, entries=entries)


def check_ledger(voucher_test: VoucherTest, lines: Sequence[PostedLine]) -> Iterator[Finding]:
    """Compare what is found by the invoice number with what was sent."""
    tried, settings = voucher_test.voucher, voucher_test.context.target.settings
    receivable = next((line for line in lines if line.account == settings.receivables_account), lines[0])
    wanted = tried.entries[0]
    if find_posted(tried, lines) is None:
        yield bad(
            msg(
                "The ledger has voucher {number} otherwise than it was sent: {amount} kroner of customer "
                "{customer} on {day}.",
                number=receivable.voucher_number,
                amount=format_kroner(receivable.amount),
                customer=receivable.customer_number or "?",
                day=f"{receivable.day:%d.%m.%Y}",
            ),
            msg("After an outage such a voucher is left to a person. Compare it with what was sent."),
            tests="S12, S18",
        )
    else:
        yield good(
            msg("A voucher is posted at once, and found by its invoice number on its day."), tests="S9, S12, S18"
        )
    yield _numbered(voucher_test, receivable)
    if receivable.customer_number != wanted.customer_number or receivable.project_number != wanted.project_number:
        yield unknown(
            msg("The ledger does not show customer and project on what is owed, as they were sent."),
            msg("Look at the voucher in 24SevenOffice."),
            tests="S3" if settings.factoring_id else "S18",
        )
    elif settings.factoring_id:
        what = msg("The voucher stands on the factoring company, customer {number}.", number=settings.factoring_id)
        yield good(what, setting="factoring_id", tests="S3")


def _numbered(voucher_test: VoucherTest, receivable: PostedLine) -> Finding:
    sent, got = voucher_test.voucher.number, receivable.voucher_number
    if sent == got:
        return good(
            msg("A voucher keeps the number that it is sent with: {number}.", number=sent),
            setting="voucher_number",
            tests="S1, S10",
        )
    return bad(
        msg("A voucher was sent with number {sent}, and stands under {got}.", sent=sent, got=got),
        msg("Let 24SevenOffice number the vouchers, by the setting “voucher number”."),
        setting="voucher_number",
        tests="S1, S10",
    )


def check_whole_voucher(voucher_test: VoucherTest, found: Sequence[PostedLine]) -> Iterator[Finding]:
    """Read the whole voucher by its name, and see what has become of the VAT."""
    erp, now = voucher_test.context.target.erp, voucher_test.context.target.now
    receivables = AccountRanges.parse(str(voucher_test.voucher.entries[0].account))
    names = erp.changed_vouchers(receivables, since=now - AN_HOUR, until=now + AN_HOUR)
    start, end = f"{voucher_test.year.number}-", f"-{found[0].voucher_number}"
    lines = [
        line
        for name in names
        if name.startswith(start) and name.endswith(end)
        for line in erp.supplier_voucher(name)
    ]
    balance = sum(line.amount for line in lines)
    if balance or not lines:
        yield unknown(
            msg("The voucher is not found whole in the ledger by year, type and number."),
            msg("Look for its number: it may be used twice in a year."),
            tests="S21",
        )
        return
    yield good(msg("The voucher is found whole in the ledger by year, type and number."), tests="S21")
    yield from _taxed(voucher_test.voucher.entries[1], lines, rates=erp.vat_codes())


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
