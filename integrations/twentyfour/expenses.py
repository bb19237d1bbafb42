"""Suppliers' vouchers as 24SevenOffice words them: lines of the ledger, read by the Transaction service."""

from datetime import datetime

from integrations.twentyfour import ledger
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.client import SoapValue
from integrations.twentyfour.instants import day_of
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.money import NOK, to_ore
from sync.records import LedgerLine


def changed(
    session: Session, accounts: AccountRanges, *, since: datetime, until: datetime, setup: AccountingSetup
) -> list[str]:
    """Name the vouchers with a line on these accounts created or changed in a span of time.

    One call takes one interval of accounts only, so it asks for the lowest to the highest of them all, and what
    lies between comes along: a line may have been moved there from one of them. Hidden lines count: hiding is how
    a line is taken back.
    """
    if not accounts.intervals:
        return []
    hull = {"AccountNoStart": accounts.intervals[0].start, "AccountNoEnd": accounts.intervals[-1].stop - 1}
    lines = ledger.changed(session, since=since, until=until, **hull)
    return list(dict.fromkeys(name_of(line, setup) for line in lines))


def read(session: Session, voucher: str, *, setup: AccountingSetup) -> list[LedgerLine]:
    """Read the lines of the voucher of this name."""
    year, kind, number = map(int, voucher.split("-"))
    wanted = {"TransactionNoStart": number, "TransactionNoEnd": number, "TransactionTypeId": kind}
    return [line_of(line) for line in ledger.dated(session, setup.year_numbered(year), **wanted)]


def name_of(line: SoapValue, setup: AccountingSetup) -> str:
    """Name the voucher that a line is of, by fiscal year, type and number (S21)."""
    return f"{setup.year_of(day_of(line.Date)).number}-{line.TransactionTypeId}-{line.TransactionNo}"


def line_of(line: SoapValue) -> LedgerLine:
    """Read a line of a supplier's voucher."""
    project_number, _ = ledger.dimension(line, "Project")
    supplier_number, supplier_name = ledger.dimension(line, "Customer")
    return LedgerLine(
        account=line.AccountNo,
        amount=to_ore(line.Amount),  # kroner, whatever the currency
        day=day_of(line.Date),
        vat_code=str(line.VatCode or ""),
        project_number=project_number,
        supplier_number=supplier_number,
        supplier_name=supplier_name,
        invoice_number=line.InvoiceNo or "",
        text=line.Comment or "",
        currency=line.Currency or NOK,
        stamp=line.StampNo or None,
        hidden=line.Hidden,
    )
