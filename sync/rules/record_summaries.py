"""The summary by which a bookkeeper recognizes a record: its party, amount and date, and their labels."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date

from i18n.catalog import Language
from i18n.formatting import amount, day
from i18n.messages import Message, msg
from models.enums import EntityType
from models.schema.record_summary import RecordSummary
from sync.errors import RejectedError
from sync.money import NOK, to_ore
from sync.records import Customer, Invoice, LedgerLine, Project
from sync.rules.expense_mapping import SupplierInvoice, visible_lines
from sync.rules.identity_numbers import NATIONAL_ID
from sync.rules.normalization import clean
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS

MAX_SUMMARY_NAME_LENGTH = 100
MAX_NUMBER_LENGTH = 40
CURRENCY_LENGTH = 3


def invoice_summary(invoice: Invoice, *, customer: str, customer_number: str) -> RecordSummary:
    """Summarize an invoice by its customer, total and dates, as far as they could be read."""
    total = None
    with suppress(RejectedError):  # an amount that no ledger can hold
        total = to_ore(invoice.total) if invoice.total or invoice.lines else None
    return RecordSummary(
        record_number=str(invoice.number or ""),
        party=_name(customer),
        party_number=_number(customer_number),
        amount=total,
        currency="" if total is None else clean(invoice.currency, max_length=CURRENCY_LENGTH),
        record_date=None if invoice.day == date.min else invoice.day,
        due_date=invoice.due,
        project_id=_number(invoice.project_id),
    )


def customer_summary(customer: Customer) -> RecordSummary:
    return RecordSummary(record_number=_number(customer.number), record_name=_name(customer.name))


def project_summary(project: Project, *, customer: str, customer_number: str) -> RecordSummary:
    return RecordSummary(
        record_number=_number(project.number),
        record_name=_name(project.name),
        party=_name(customer),
        party_number=_number(customer_number),
    )


def voucher_summary(lines: Sequence[LedgerLine], supplier_invoice: SupplierInvoice) -> RecordSummary:
    """Summarize a voucher by its supplier, its date and the debt; without a supplier, by the sum of its debits."""
    lines = visible_lines(lines)
    supplier_lines = [line for line in lines if line.account in SUPPLIER_ACCOUNTS]
    number = next((line.customer_number for line in supplier_lines if line.customer_number), "")
    in_debit = sum(max(line.amount, 0) for line in lines)
    return RecordSummary(
        record_number=_number(supplier_invoice.invoice_number),
        party=_name(supplier_invoice.supplier),
        party_number=str(number),
        amount=-sum(line.amount for line in supplier_lines) if supplier_lines else in_debit,
        currency=NOK,
        record_date=supplier_invoice.day,
    )


def facts(entity_type: EntityType, summary: RecordSummary, language: Language) -> Iterator[tuple[Message, str]]:
    """Yield each known fact of a record with its label."""
    is_expense = entity_type is EntityType.EXPENSE
    party = f"{summary.party} ({summary.party_number})" if summary.party_number else summary.party
    if summary.record_name:
        yield msg("Name"), summary.record_name
    if summary.party or summary.party_number:
        yield msg("Supplier") if is_expense else msg("Customer"), party.strip()
    if is_expense and summary.record_number:
        yield msg("Supplier invoice"), summary.record_number
    if summary.amount is not None:
        yield msg("Amount incl. VAT"), amount(summary.amount, summary.currency, language)
    if summary.record_date:
        yield msg("Date") if is_expense else msg("Invoice date"), day(summary.record_date, language)
    if summary.due_date:
        yield msg("Due date"), day(summary.due_date, language)


def _name(text: str) -> str:
    """Mask national identity numbers in a name, as in recorded calls."""
    return NATIONAL_ID.sub("*" * 11, clean(text, max_length=MAX_SUMMARY_NAME_LENGTH))


def _number(text: str) -> str:
    return clean(text, max_length=MAX_NUMBER_LENGTH)
