"""The checks that records are as assumed: customers, projects, and the latest invoices and vouchers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from i18n.messages import Message, msg
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from sync.diagnostics.checks.login import not_visible
from sync.diagnostics.checks.moment import latest, read_finding
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, good, unknown
from sync.errors import MisconfiguredError, RejectedError, SyncError
from sync.money import NOK
from sync.records import Chart, Invoice, LedgerLine, Project, VoucherDocuments, rates_of
from sync.rules.output_vat import booked_lines, comes_to_total
from sync.rules.record_numbers import whole_number
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, VAT_ACCOUNTS, gross_amounts

MAX_PROJECTS, MAX_INVOICES, MAX_VOUCHERS = 5, 10, 3
"""How many records are read."""
LOOKBACK = timedelta(days=30)


def customers(target: Target) -> Iterator[Finding]:
    """Check that the customer list includes inactive customers, and can be read from an instant on (S30)."""
    try:
        in_use, out_of_use = target.erp.count_companies()
    except SyncError as error:
        if blocks_system(error):
            raise
        yield not_visible(msg("the customer register"), error, tests="S30")
        return
    if out_of_use:
        yield good(
            msg("24SevenOffice also lists inactive customers and suppliers: {out_of_use}.", out_of_use=out_of_use),
            tests="S30",
        )
    elif in_use:
        yield unknown(
            msg("24SevenOffice may leave out inactive customers and suppliers: all that it listed are active."),
            msg(
                "If it leaves them out, they aren't found and may be created again. Search for one that you know."
            ),
            tests="S30",
        )


def projects(target: Target) -> Iterator[Finding]:
    """Check that the list of projects lacks none of Moment's latest ones that exist (S31)."""
    numbers: set[int] = set()
    with suppress(MisconfiguredError, RejectedError):  # the check that reads a project reports it
        numbers.update(_numbers(target))
    listed = {each.number for each in target.erp.existing_projects(numbers)} if numbers else set()
    if left_out := [number for number in sorted(numbers - listed) if target.erp.project(number)]:
        yield bad(
            msg(
                "24SevenOffice has projects that are missing from its project list: {numbers}.",
                numbers=_join(left_out),
            ),
            msg(
                "Check whether they are closed there. If Moment has another project with such a number, change "
                "that number: it would overwrite the existing project."
            ),
            tests="S31",
        )
    elif listed:
        yield good(
            msg("24SevenOffice lists projects that also exist in Moment: {numbers}.", numbers=_join(listed)),
            tests="S31",
        )


def invoices(target: Target) -> Iterator[Finding]:
    """Check that the latest invoices are readable, add up, and have a rate if they are not in kroner."""
    found: list[Invoice] = []

    def read() -> Sequence[object]:
        found.extend(
            each for each in latest(target, EntityType.INVOICE, limit=MAX_INVOICES) if isinstance(each, Invoice)
        )
        return found

    yield read_finding(EntityType.INVOICE, read, "M1, M7, M22")
    if found and (chart := _chart(target)):
        for invoice in found:
            yield from _total_finding(invoice, target, chart)
    if credit_note := next((each for each in found if each.credit_note), None):
        yield _sign_finding(credit_note)
    if foreign := next((each for each in found if each.currency != NOK), None):
        yield _rate_finding(foreign, target.erp.currency_rates())


def supplier_vouchers(target: Target) -> Iterator[Finding]:
    """Check that the latest vouchers with costs on the listed accounts are as assumed."""
    if not target.settings.expense_accounts:
        return
    accounts = AccountRanges.parse(target.settings.expense_accounts)
    names = target.erp.changed_vouchers(accounts, since=target.now - LOOKBACK, until=target.now)
    vouchers = {
        name: [line for line in target.erp.supplier_voucher(name) if not line.hidden]
        for name in names[-MAX_VOUCHERS:]
    }
    if not vouchers:
        yield unknown(
            msg("There are no cost vouchers from the past 30 days, so we couldn't check the data format."),
            msg("Test the connection again when there are some."),
            tests="S5, S6, S7, S21",
        )
        return
    yield _balance_finding(vouchers)
    yield _vat_finding(vouchers, rates_of(target.erp.vat_codes()))
    yield _supplier_finding(vouchers)
    yield from _document_finding(target, vouchers)


def _numbers(target: Target) -> Iterator[int]:
    for each in latest(target, EntityType.PROJECT, limit=MAX_PROJECTS):
        with suppress(RejectedError):
            if isinstance(each, Project):
                yield whole_number(each.number, entity_type=EntityType.PROJECT)


def _chart(target: Target) -> Chart | None:
    try:
        return Chart(target.erp.tax_codes(), target.erp.vat_codes())
    except SyncError:
        return None  # another check reports it


def _join(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _total_finding(invoice: Invoice, target: Target, chart: Chart) -> Iterator[Finding]:
    lines = sum(line.amount for line in invoice.lines)
    booked = booked_lines(invoice, chart=chart, settings=target.settings)
    if invoice.lines and not comes_to_total(invoice, booked):
        yield unknown(
            msg(
                "The lines of invoice {number} add up to {lines} and its total is {total}.",
                number=invoice.number or invoice.id,
                lines=lines,
                total=invoice.total,
            ),
            msg("Compare it with the invoice in Moment: it would be rejected as it is."),
            tests="M1",
        )


def _sign_finding(credit_note: Invoice) -> Finding:
    """Check that a credit note is negative in Moment; otherwise it is rejected."""
    named = {"number": credit_note.number or credit_note.id, "total": credit_note.total}
    if credit_note.total <= 0:
        return good(msg("Credit note {number} is below zero in Moment: {total}.", **named), tests="M1")
    return bad(
        msg("Credit note {number} is above zero in Moment: {total}.", **named),
        msg("Forward this to your system administrator: such credit notes are rejected."),
        tests="M1",
    )


def _rate_finding(invoice: Invoice, listed: Mapping[str, Decimal]) -> Finding:
    named = {
        "number": invoice.number or invoice.id,
        "currency": invoice.currency,
        "rate": invoice.rate or "?",
        "known": listed.get(invoice.currency) or "?",
    }
    return unknown(
        msg("Invoice {number} is in {currency}, at {rate} kroner for one; 24SevenOffice has {known}.", **named),
        msg("Check that this is the rate for one unit of the currency."),
        tests="M8, S40",
    )


def _balance_finding(vouchers: Mapping[str, Sequence[LedgerLine]]) -> Finding:
    for name, lines in vouchers.items():
        if sum(line.amount for line in lines) or len({line.day for line in lines}) > 1:
            return unknown(
                msg("The lines of voucher {name} in the ledger don't balance or have different dates.", name=name),
                msg("Look for a voucher number that is used twice in a year."),
                tests="S21",
            )
    return good(msg("The latest cost vouchers are complete: {names}.", names=", ".join(vouchers)), tests="S21")


def _vat_finding(vouchers: Mapping[str, Sequence[LedgerLine]], rates: Mapping[str, Decimal]) -> Finding:
    wrong = [
        name
        for name, lines in vouchers.items()
        if any(isinstance(amount, Message) for _, amount in gross_amounts(lines, rates=rates))
    ]
    if wrong:
        return unknown(
            msg(
                "The VAT of these vouchers doesn't match the rates of their VAT codes: {names}.",
                names=", ".join(wrong),
            ),
            msg("Correct it in 24SevenOffice: expenses from such vouchers need attention."),
            tests="S5",
        )
    if not any(line.account in VAT_ACCOUNTS for lines in vouchers.values() for line in lines):
        return unknown(
            msg("The latest cost vouchers have no VAT lines, so costs are assumed to include VAT."),
            msg("Compare the first expenses with the invoices."),
            tests="S5",
        )
    return good(
        msg("The VAT of the latest vouchers is on separate lines, by the VAT codes of the costs."),
        tests="S5",
    )


def _supplier_finding(vouchers: Mapping[str, Sequence[LedgerLine]]) -> Finding:
    named = {
        name: any(line.account in SUPPLIER_ACCOUNTS and line.customer_name for line in lines)
        for name, lines in vouchers.items()
    }
    if all(named.values()):
        return good(msg("Supplier names are on the supplier debt lines."), tests="S7")
    nameless = ", ".join(name for name, known in named.items() if not known)
    return unknown(
        msg("These vouchers have no supplier name on the supplier debt line: {names}.", names=nameless),
        msg("The name is then taken from the document or the register: check the supplier on the first expenses."),
        tests="S7",
    )


def _document_finding(target: Target, vouchers: Mapping[str, Sequence[LedgerLine]]) -> Iterator[Finding]:
    stamps = {line.stamp for lines in vouchers.values() for line in lines if line.stamp}
    found = [each for each in target.erp.documents_of(stamps).values() if each != VoucherDocuments()]
    approved = sum(len(each.approved) for each in found)
    if approved:
        yield good(msg("The latest vouchers have approved documents: {count}.", count=approved), tests="S6")
    elif found:
        yield unknown(
            msg("All documents of the latest vouchers are awaiting approval."),
            msg("Check this in 24SevenOffice. Their costs aren't imported until the documents are approved."),
            tests="S6",
        )
