"""Write test of vouchers in 24SevenOffice: post one of 1 krone, look it up, and post its exact reversal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Literal

import structlog

from i18n.messages import Day, Message, msg
from models.connections.account_ranges import AccountRanges
from models.error_codes import CRASHED
from sync.diagnostics.findings import Finding, Target, bad, good, not_needed, safely, unknown
from sync.diagnostics.write_tests.artifacts import WriteTestContext, write_failed
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, SyncError
from sync.flows.first_vouchers import VAT_WARNINGS
from sync.money import format_kroner
from sync.records import (
    Chart,
    FiscalYear,
    Invoice,
    InvoiceLine,
    LedgerLine,
    Revenue,
    Voucher,
    is_ambiguous,
)
from sync.rules.output_vat import HUNDRED, differences
from sync.rules.vat_allocation import VAT_ACCOUNTS
from sync.rules.vouchers import MAX_COMMENT_LENGTH, REVENUE_ACCOUNTS, find_posted, voucher_of

log = structlog.get_logger()

AN_HOUR = timedelta(hours=1)

OTHER_NEXT = msg("The other way of sending VAT is tried next.")
EXACT_NEXT = msg("A voucher with exact VAT is tried next.")

OTHER_VOUCHER_VAT: Mapping[str, Literal["net", "gross"]] = {"net": "gross", "gross": "net"}

LONG_COMMENT = " ".join(str(each) for each in range(100, 200))[:MAX_COMMENT_LENGTH]
"""A text that shows how many characters are kept (S26)."""

NUMBER_OFFSET = 1000
"""How far the number is above the series' next, if Moment's are kept, so that it shows whether ours is (S1)."""

ROUNDED_ORE = 4
"""Øre of revenue that are moved to VAT, about as many as the rounding of a line in EUR moves (S58)."""


def voucher(context: WriteTestContext, *, customer_number: int, project_number: int | None) -> Iterator[Finding]:
    """Post a voucher of 1 krone as for an invoice, check it in the ledger, and reverse it.

    Its VAT is a few øre off its rate, as after rounding (S58). If that is not kept, exact VAT is tried, and then
    the other way of sending VAT (S24).
    """
    target = context.target
    years = [each for each in target.erp.fiscal_years() if each.starts <= target.today <= each.ends]
    all_years = target.erp.fiscal_years()
    year = next((each for each in years if not each.locked and not is_ambiguous(each, all_years)), None)
    account = _account(target)
    if year is None or account is None:
        yield unknown(
            msg("No voucher was tested: this requires an open fiscal year and a revenue account."),
            msg("Fix the problems listed above first."),
            tests="S1, S10, S18",
        )
        return
    number = target.erp.next_voucher_number(target.today)
    if target.settings.voucher_number == "moment":
        number += NUMBER_OFFSET
    make = partial(_voucher, context, account, customer_number=customer_number, project_number=project_number)
    voucher_vat = target.settings.voucher_vat
    exact = make(number, voucher_vat)
    if off := _off_rate(target, exact):
        rounded = _VoucherTest(context, _with_rounded_vat(exact), year, key="rounded voucher", off_rate=off)
        yield from rounded.run()
        if not rounded.vat_is_wrong:
            return
        number += 2
        exact = make(number, voucher_vat)
    tried = _VoucherTest(context, exact, year)
    yield from tried.run()
    if off and not tried.vat_is_wrong and tried.vat_is_known:
        yield _rounding_not_kept(off)
    if tried.vat_is_wrong and target.settings.posting == "ledger":
        other = OTHER_VOUCHER_VAT[voucher_vat]
        again = _VoucherTest(context, make(number + 2, other), year, key="voucher again")
        yield from again.run()
        yield _right_voucher_vat(other, is_right=not again.vat_is_wrong and again.vat_is_known)


def _voucher(
    context: WriteTestContext,
    account: tuple[int, str],
    number: int,
    voucher_vat: Literal["net", "gross"],
    *,
    customer_number: int,
    project_number: int | None,
) -> Voucher:
    """Return the voucher of an invoice for 1 krone, with its VAT sent as ``voucher_vat`` says."""
    target, total = context.target, Decimal(1)
    invoice = Invoice(
        id="",
        number=number,
        day=target.today,
        due=None,
        total=total,
        lines=(InvoiceLine(total, account[0], account[1], account_id=" "),),
        customer_id="",
        project_id="project" if project_number else "",
    )
    return voucher_of(
        invoice,
        customer_number=customer_number,
        project_number=lambda _: project_number or 0,
        chart=Chart(target.erp.tax_codes(), target.erp.vat_codes()),
        settings=target.settings.model_copy(update={"voucher_vat": voucher_vat}),
        comment=context.name,
    )


def _off_rate(target: Target, voucher: Voucher) -> int:
    """Return how many øre the VAT of the voucher may be off its rate; 0 if no VAT is sent to the ledger."""
    if (
        voucher.voucher_vat == "gross"
        or target.settings.posting == "draft"
        or not any(each.amount for each in voucher.vat)
    ):
        return 0
    [revenue], [vat] = voucher.revenue, voucher.vat
    rate = target.erp.vat_codes()[vat.tax_code].rate
    return abs(round(vat.amount - ROUNDED_ORE - (revenue.net + ROUNDED_ORE) * rate / HUNDRED))


def _with_rounded_vat(voucher: Voucher) -> Voucher:
    """Move a few øre from revenue to VAT, both in the entries and in the expected ledger."""
    (receivable, credit, of_vat), [revenue], [vat] = voucher.entries, voucher.revenue, voucher.vat
    return replace(
        voucher,
        entries=(
            receivable,
            replace(credit, amount=credit.amount + ROUNDED_ORE),
            replace(of_vat, amount=of_vat.amount - ROUNDED_ORE),
        ),
        revenue=(replace(revenue, net=revenue.net + ROUNDED_ORE),),
        vat=(replace(vat, amount=vat.amount - ROUNDED_ORE),),
    )


def _rounding_not_kept(off: int) -> Finding:
    return bad(
        msg("24SevenOffice doesn't keep VAT that is {off} øre off its rate due to rounding.", off=off),
        msg(
            "Forward this to your system administrator. Long invoices and those in another currency may have to "
            "be posted manually."
        ),
        tests="S58",
    )


def _right_voucher_vat(voucher_vat: Literal["net", "gross"], *, is_right: bool) -> Finding:
    if is_right:
        return bad(
            msg("The correct option for Voucher VAT is “{way}”, but the other one is selected.", way=voucher_vat),
            msg("Choose “{way}” for Voucher VAT.", way=voucher_vat),
            setting="voucher_vat",
            tests="S24",
        )
    return bad(
        msg("24SevenOffice doesn't keep a voucher's VAT with either option."),
        msg("Check the VAT codes in 24SevenOffice and the vouchers of this test before you sync invoices."),
        setting="voucher_vat",
        tests="S24",
    )


def _account(target: Target) -> tuple[int, str] | None:
    """Return a revenue account with its code: with VAT, of Moment, and not 24SevenOffice's id of it (S4)."""
    chart = target.erp.tax_codes()
    try:
        moment_codes: Mapping[int, str] = target.moment.account_codes()
    except (MisconfiguredError, RejectedError):
        moment_codes = {}
    code_by_account = {
        account: target.settings.vat_codes.get(account) or moment_codes.get(account) or chart[account]
        for account in chart
        if account in moment_codes or account in REVENUE_ACCOUNTS
    }
    codes = target.erp.vat_codes()

    def rank(account: int) -> tuple[bool, bool, bool, int]:
        number = code_by_account[account]
        code = codes.get(number)
        has_vat, same_id = bool(code and code.rate), str(code.id if code else "") == number
        return not has_vat, account not in moment_codes, same_id, account

    first = min(code_by_account, key=rank, default=None)
    return None if first is None else (first, code_by_account[first])


@dataclass
class _VoucherTest:
    """A test voucher, ``off_rate`` øre off; ``vat_is_wrong`` if 24SevenOffice does not accept or keep that."""

    context: WriteTestContext
    voucher: Voucher
    year: FiscalYear
    key: str = "voucher"
    off_rate: int = 0
    vat_is_wrong: bool = False
    vat_is_known: bool = False

    def __post_init__(self) -> None:
        self.erp, self.settings = self.context.target.erp, self.context.target.settings
        self.number = self.voucher.number
        self.named = {"number": self.number, "year": self.year.number}
        self.lines: list[LedgerLine] = []

    def run(self) -> Iterator[Finding]:
        what = msg("voucher {number} of {year} for 1 krone in 24SevenOffice", **self.named)
        self.context.artifacts.creating(self.key, what)
        error = self._post(self.voucher)
        if failed := list(safely("vouchers.posted", self._read_lines())):
            yield from failed
            if error is None and self.settings.posting == "ledger":
                self._record_posted()
                yield from self._reverse()
        elif error and not self.lines:
            yield self._report_refusal(error)
        elif self.settings.posting == "draft":
            yield self._report_draft()
        elif not self.lines:
            yield self._report_unseen()
        else:
            self._record_posted()
            yield from safely("ledger.looked_at", self._compare())
            yield from safely("ledger.whole", self._read_whole())
            yield from self._reverse()

    def _post(self, voucher: Voucher) -> SyncError | None:
        try:
            self.erp.post([voucher], year=self.year.number)
        except SyncError as error:
            return error
        except Exception as error:
            log.exception("check_crashed", check="vouchers.post")
            message = msg(
                "An internal error occurred while processing this record ({error}).", error=type(error).__name__
            )
            return OutcomeUnknownError(message, error_code=CRASHED)
        return None

    def _read_lines(self) -> Iterator[Finding]:
        """Read the lines of the voucher in the ledger; this yields no finding."""
        self.lines += self.erp.posted(self.number, day=self.voucher.day)
        yield from ()

    def _note_artifact(self, what: str) -> None:
        self.context.artifacts.created(self.key, what)

    def _record_posted(self) -> None:
        self._note_artifact(
            msg("voucher {number} of {year} for 1 krone in 24SevenOffice, which isn't reversed", **self.named)
        )

    def _report_refusal(self, error: SyncError) -> Finding:
        """Report a refusal. After a clear response there is no voucher; otherwise the ledger would show it."""
        responded = isinstance(error, OutcomeUnknownError) and not error.no_response
        self.vat_is_wrong = error.error_code in VAT_WARNINGS
        if (responded and self.settings.posting == "ledger") or not error.outcome_unknown:
            self.context.artifacts.removed(self.key)
        if self.vat_is_wrong and self.off_rate:
            what = msg("24SevenOffice rejects VAT that is {off} øre off its rate.", off=self.off_rate)
            return unknown(what, EXACT_NEXT, tests="S58")
        return write_failed(error, tests="S1, S10")

    def _report_unseen(self) -> Finding:
        self._note_artifact(
            msg(
                "voucher {number} of {year} for 1 krone: look for it in 24SevenOffice and reverse it",
                **self.named,
            )
        )
        return bad(
            msg(
                "24SevenOffice accepted voucher {number}, but the ledger doesn't have its invoice number.",
                number=self.number,
            ),
            msg(
                "Look for it in 24SevenOffice. If it waits in a journal, vouchers aren't posted at once; if it "
                "has no invoice number, an invoice may be posted twice after an outage."
            ),
            tests="S9, S18",
        )

    def _report_draft(self) -> Finding:
        if self.lines:
            self._note_artifact(
                msg("voucher {number} of {year} for 1 krone in 24SevenOffice: reverse it there", **self.named)
            )
            return bad(
                msg("Voucher {number} should be in a journal but is in the ledger.", number=self.number),
                msg(
                    "Invoices are posted immediately regardless of the setting. Choose immediate posting, or "
                    "ask 24SevenOffice."
                ),
                setting="posting",
                tests="S9",
            )
        self._note_artifact(
            msg("voucher {number} of {year} in a journal of 24SevenOffice: delete it there", **self.named)
        )
        what = msg("The ledger doesn't show voucher {number}: it waits in a journal.", number=self.number)
        return good(what, setting="posting", tests="S9")

    def _reverse(self) -> Iterator[Finding]:
        """Post the reversal, in the form of a credit note."""
        entries = tuple(replace(entry, amount=-entry.amount) for entry in self.voucher.entries)
        other = self.number + 1
        reversal = replace(self.voucher, number=other, invoice_number=other, entries=entries)
        in_series = self.settings.voucher_number == "series"
        error = self._post_with_comment(reversal)
        if error and not self.erp.posted(other, day=reversal.day):
            self._note_artifact(
                msg(
                    "voucher {number} of {year} for 1 krone in 24SevenOffice; unless voucher {other} "
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
        self._note_artifact(both)
        yield good(
            msg("Its reversal is taken as a credit note, under the number that follows."),
            tests="S10, S19" if in_series else "S10",
        )
        yield from safely("ledger.comment", self._measure_comment(reversal))

    def _post_with_comment(self, reversal: Voucher) -> SyncError | None:
        """Post a voucher with the longest comment; if it is refused, post it again with a short one."""
        error = self._post(replace(reversal, comment=LONG_COMMENT))
        refused = isinstance(error, RejectedError) or (isinstance(error, OutcomeUnknownError) and error.otherwise)
        if not refused or self.erp.posted(reversal.number, day=reversal.day):
            return error
        return self._post(reversal)

    def _measure_comment(self, reversal: Voucher) -> Iterator[Finding]:
        """Compare the reversal's comment with the ledger's; a short one means that the long one was refused."""
        lines = self.erp.posted(reversal.number, day=reversal.day)
        kept = max((line.text for line in lines), key=len, default="")
        remedy = msg("Forward this to your system administrator: vouchers' comments must be shorter.")
        if kept == LONG_COMMENT:
            yield good(msg("A comment of {count} characters is kept in full.", count=len(kept)), tests="S26")
        elif kept == reversal.comment:
            problem = msg("A comment of {count} characters is rejected.", count=len(LONG_COMMENT))
            yield bad(problem, remedy, tests="S26")
        else:
            problem = msg(
                "Only {held} of a comment's {count} characters are kept.", count=len(LONG_COMMENT), held=len(kept)
            )
            yield bad(problem, remedy, tests="S26")

    def _compare(self) -> Iterator[Finding]:
        """Compare the ledger's lines with this invoice number with what was sent."""
        owed = next(
            (line for line in self.lines if line.account == self.settings.receivables_account), self.lines[0]
        )
        sent = self.voucher.receivable
        if find_posted(self.voucher, self.lines) is None:
            yield bad(
                msg(
                    "Voucher {number} in the ledger differs from what was sent: {amount} kroner, customer "
                    "{customer}, {day}.",
                    number=owed.voucher_number,
                    amount=format_kroner(owed.amount),
                    customer=owed.customer_number or "?",
                    day=Day(owed.day),
                ),
                msg("After an outage, such a voucher needs attention. Compare it with what was sent."),
                tests="S12, S18",
            )
        else:
            what = msg("A voucher is posted immediately and can be found by its invoice number and date.")
            yield good(what, tests="S9, S12, S18")
        yield _number_finding(self.number, owed.voucher_number)
        factoring = self.settings.factoring_id
        if (owed.customer_number, owed.project_number) != (sent.customer_number, sent.project_number):
            yield unknown(
                msg("The ledger doesn't show the customer and project on the receivable as sent."),
                msg("Check the voucher in 24SevenOffice."),
                tests="S3" if factoring else "S18",
            )
        elif factoring:
            what = msg("The voucher is on the factoring company, customer {number}.", number=factoring)
            yield good(what, setting="factoring_id", tests="S3")

    def _read_whole(self) -> Iterator[Finding]:
        """Read the whole voucher by its name, and check its VAT."""
        now = self.context.target.now
        receivables = AccountRanges.parse(str(self.voucher.receivable.account))
        names = self.erp.changed_vouchers(receivables, since=now - AN_HOUR, until=now + AN_HOUR)
        start, end = f"{self.year.number}-", f"-{self.lines[0].voucher_number}"
        ours = (name for name in names if name.startswith(start) and name.endswith(end))
        lines = [line for name in ours for line in self.erp.supplier_voucher(name)]
        if sum(line.amount for line in lines) or not lines:
            yield unknown(
                msg("The complete voucher can't be found in the ledger by year, type and number."),
                msg("Look for its number: it may be used twice in one year."),
                tests="S21, S56",
            )
            return
        yield good(
            msg("The complete voucher can be found in the ledger by year, type and number."), tests="S21, S56"
        )
        yield from self._check_vat(lines)

    def _check_vat(self, lines: Sequence[LedgerLine]) -> Iterator[Finding]:
        """Check that the ledger has revenue and VAT as sent, to the øre."""
        revenue = self.voucher.revenue[0]
        if not revenue.tax_code:
            yield not_needed(
                msg("Account {account} has no VAT code, so VAT isn't tested.", account=revenue.account)
            )
            return
        yield _vat_code_finding(revenue, lines)
        off = differences(self.voucher, lines)
        self.vat_is_wrong, self.vat_is_known = bool(off), True
        yield _vat_finding(self.voucher, off, lines, next_=EXACT_NEXT if self.off_rate else OTHER_NEXT)
        if self.off_rate and not off:
            what = msg(
                "VAT that is {off} øre off its rate due to rounding is accepted and kept.", off=self.off_rate
            )
            yield good(what, tests="S58")


def _number_finding(sent: int, got: int) -> Finding:
    if sent == got:
        what = msg("A voucher keeps the number it is sent with: {number}.", number=sent)
        return good(what, setting="voucher_number", tests="S1, S10")
    return bad(
        msg("A voucher was sent with number {sent} but got {got}.", sent=sent, got=got),
        msg("Let 24SevenOffice number the vouchers with the setting “Voucher number”."),
        setting="voucher_number",
        tests="S1, S10",
    )


def _vat_code_finding(revenue: Revenue, lines: Sequence[LedgerLine]) -> Finding:
    named = {"account": revenue.account, "code": revenue.tax_code}
    booked = [line for line in lines if line.account == revenue.account]
    if any(line.vat_code == revenue.tax_code for line in booked):
        return good(msg("The line on {account} has VAT code {code}.", **named), tests="S4")
    return unknown(
        msg("The line on {account} was sent with VAT code {code} but doesn't show it.", **named),
        msg("Check the VAT of the voucher in 24SevenOffice."),
        tests="S4",
    )


def _vat_finding(
    voucher: Voucher, off: Sequence[tuple[int, int, int]], lines: Sequence[LedgerLine], *, next_: Message
) -> Finding:
    """Report how the ledger has the VAT of 1 krone."""
    vat = format_kroner(-sum(line.amount for line in lines if line.account in VAT_ACCOUNTS))
    if not off and voucher.voucher_vat == "gross":
        return good(
            msg("24SevenOffice separates the VAT: {amount} of 1 krone.", amount=vat),
            setting="voucher_vat",
            tests="S24, S27",
        )
    if not off:
        return good(
            msg("The VAT is in the ledger as sent: {amount} of 1 krone.", amount=vat),
            setting="voucher_vat",
            tests="S24, S27, S41",
        )
    sent = format_kroner(-sum(each.amount for each in voucher.vat))
    if voucher.voucher_vat == "gross":
        what = msg("24SevenOffice separates {amount} of 1 krone, but VAT is {wanted}.", amount=vat, wanted=sent)
        return unknown(what, next_, setting="voucher_vat", tests="S24, S27")
    what = msg("The ledger has {amount} VAT of 1 krone, but {wanted} was sent.", amount=vat, wanted=sent)
    return unknown(what, next_, setting="voucher_vat", tests="S24, S41")
