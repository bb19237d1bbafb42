"""Writes vouchers with the Account service. What the ledger holds is read in :mod:`.ledger`."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from i18n.messages import Day, msg
from integrations.twentyfour.accounting_setup import VoucherType
from integrations.twentyfour.session import Session
from sync.error_codes.names import NO_VOUCHER_NUMBER
from sync.errors import RejectedError
from sync.records import NO_VAT_CODE, Entry, Voucher

SAVE_OPTIONS = {"ledger": 0, "draft": 1}  # assumption S9


def post(
    session: Session,
    vouchers: Sequence[Voucher],
    *,
    year: int,
    voucher_type: VoucherType,
    posting: Literal["ledger", "draft"],
) -> None:
    """Save vouchers of one fiscal year in one call (SaveBundleList): all, or OutcomeUnknownError says why not.

    BundleDirectAccounting says whether 24SevenOffice calculates the VAT of drafts.
    """
    bundle = {
        "YearId": year,
        "Vouchers": {"Voucher": [_voucher(voucher, voucher_type) for voucher in vouchers]},
        "Sort": voucher_type.number,
        "Name": "Moment",
        "BundleDirectAccounting": not any(
            voucher.voucher_vat == "gross" for voucher in vouchers
        ),  # assumption S24
    }
    bundles = {
        "Bundles": {"Bundle": [bundle]},
        "AllowDifference": False,
        "DirectLedger": False,
        "SaveOption": SAVE_OPTIONS[posting],
    }
    session.call("Account", "SaveBundleList", BundleList=bundles)


def next_number(session: Session, day: date, *, voucher_type: VoucherType) -> int:
    """Return the next number of the series of outgoing invoices in the fiscal year of ``day`` (GetEntryId)."""
    entry_id = {"Date": datetime.combine(day, time()), "SortNo": voucher_type.series, "EntryNo": 0}
    found = session.call("Account", "GetEntryId", argEntryId=entry_id)
    number: int = found.EntryNo if found is not None else -1
    if number < 1:  # -1, and -100 if the fiscal year is not set up
        raise RejectedError(
            msg(
                "24SevenOffice has no voucher number for an invoice dated {day} (it responded {number}).",
                day=Day(day),
                number=number,
            ),
            error_code=NO_VOUCHER_NUMBER,
        )
    return number


def _voucher(voucher: Voucher, voucher_type: VoucherType) -> dict[str, Any]:
    receivable = _entry(voucher.receivable, voucher) | {
        "DueDate": datetime.combine(voucher.due, time()),
        "InvoiceOcr": voucher.kid or None,
        "Comment": voucher.comment or None,
    }
    entries = [receivable, *(_entry(entry, voucher) for entry in voucher.counter_entries)]
    return {"TransactionNo": voucher.number, "Entries": {"Entry": entries}, "Sort": voucher_type.number}


def _entry(entry: Entry, voucher: Voucher) -> dict[str, Any]:
    return {
        "CustomerId": entry.customer_number,  # the factoring company's if there is one (assumption S3)
        "AccountNo": entry.account,
        "Date": datetime.combine(voucher.day, time()),
        "Amount": Decimal(entry.amount).scaleb(-2),
        "DepartmentId": entry.department,
        "ProjectId": entry.project_number,
        "InvoiceReferenceNo": str(voucher.invoice_number),
        "TaxNo": entry.tax_code or NO_VAT_CODE,  # an empty one might be replaced by the account's
    }
