"""Invoices as 24SevenOffice words them: vouchers, written by the Account and read by the Transaction service."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from i18n.messages import msg
from integrations.twentyfour import ledger
from integrations.twentyfour.accounting_setup import VoucherType
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import day_of
from integrations.twentyfour.session import Session
from sync.errors import RejectedError
from sync.money import to_ore
from sync.records import Entry, FiscalYear, PostedLine, Voucher

OUTGOING = frozenset({"InvoiceCustomer", "CreditnoteCustomer"})
REVENUE = range(3000, 4000)
"""Accounts of the Norwegian standard chart that hold revenue."""

SAVE_OPTIONS = {"ledger": 0, "draft": 1}  # assumption S9


def post(
    session: Session,
    vouchers: Sequence[Voucher],
    *,
    year: int,
    voucher_type: VoucherType,
    posting: Literal["ledger", "draft"],
) -> None:
    """Save vouchers of one fiscal year in one call (SaveBundleList).

    All of them, or OutcomeUnknownError says why not.
    """
    bundle = {
        "YearId": year,
        "Vouchers": {"Voucher": [_voucher(voucher, voucher_type) for voucher in vouchers]},
        "Sort": voucher_type.number,
        "Name": "Moment",
        "BundleDirectAccounting": False,  # 24SevenOffice splits off the VAT, by the VAT code of each entry
    }
    bundles = {
        "Bundles": {"Bundle": [bundle]},
        "AllowDifference": False,
        "DirectLedger": False,
        "SaveOption": SAVE_OPTIONS[posting],
    }
    session.call("Account", "SaveBundleList", BundleList=bundles)


def posted(session: Session, invoice_number: int, *, year: FiscalYear) -> list[PostedLine]:
    """Tell the lines of one fiscal year that carry this invoice number (GetTransactions)."""
    return [line_of(line) for line in ledger.dated(session, year, InvoiceNo=str(invoice_number))]


def next_number(session: Session, day: date, *, voucher_type: VoucherType) -> int:
    """Tell the next number of the series of outgoing invoices in the fiscal year of ``day`` (GetEntryId)."""
    entry_id = {"Date": datetime.combine(day, time()), "SortNo": voucher_type.series, "EntryNo": 0}
    answer = session.call("Account", "GetEntryId", argEntryId=entry_id)
    number: int = answer.EntryNo if answer is not None else -1
    if number < 1:  # -1, and -100 where the fiscal year is not set up
        raise RejectedError(
            msg(
                "24SevenOffice has no voucher number for an invoice of {day} (it answered {number}).",
                day=f"{day:%d.%m.%Y}",
                number=number,
            ),
            error_code="no_voucher_number",
            remedy=msg("See that 24SevenOffice has the fiscal year, and a number series for outgoing invoices."),
        )
    return number


def _voucher(voucher: Voucher, voucher_type: VoucherType) -> dict[str, Any]:
    receivable, *revenue = voucher.entries
    debit = _entry(receivable, voucher) | {
        "DueDate": datetime.combine(voucher.due, time()),
        "InvoiceOcr": voucher.kid or None,
        "Comment": voucher.comment or None,
    }
    credits_ = [_entry(entry, voucher) for entry in revenue]
    return {"TransactionNo": voucher.number, "Entries": {"Entry": [debit, *credits_]}, "Sort": voucher_type.number}


def _entry(entry: Entry, voucher: Voucher) -> dict[str, Any]:
    return {
        "CustomerId": entry.customer_number,  # the factoring company's where there is one (assumption S3)
        "AccountNo": entry.account,
        "Date": datetime.combine(voucher.day, time()),
        "Amount": Decimal(entry.amount).scaleb(-2),
        "DepartmentId": entry.department,
        "ProjectId": entry.project_number,
        "InvoiceReferenceNo": str(voucher.invoice_number),
        "TaxNo": entry.tax_code or None,
    }


def is_outgoing(lines: Sequence[PostedLine], *, receivables: int) -> bool:
    """Tell an outgoing invoice's voucher by its type, or because it lets someone owe for revenue (S32)."""
    accounts = {line.account for line in lines}
    invoiced = any(line.system_type in OUTGOING for line in lines)
    return invoiced or (receivables in accounts and not accounts.isdisjoint(REVENUE))


def line_of(line: SoapValue) -> PostedLine:
    """Read a line of an invoice's voucher (S35, S36)."""
    customer_number, _ = ledger.dimension(line, "Customer")
    project_number, _ = ledger.dimension(line, "Project")
    return PostedLine(
        voucher_number=line.TransactionNo,
        account=line.AccountNo,
        amount=to_ore(line.Amount),
        day=day_of(line.Date),
        invoice_number=line.InvoiceNo or "",
        customer_number=customer_number,
        project_number=project_number,
        hidden=line.Hidden,
        vat_code=str(line.VatCode or ""),
        text=line.Comment or "",
        type=line.TransactionTypeId or 0,
        system_type=line.SystemType or "",
        due=day_of(line.DueDate) if line.DueDate else None,
        department=ledger.dimension(line, "Department")[0],
    )
