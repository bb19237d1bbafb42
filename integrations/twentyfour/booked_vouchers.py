"""What the ledger has of some days: outgoing invoices and costs from one reading, since requests are scarce."""

from collections import defaultdict
from datetime import date

from integrations.twentyfour import expenses, invoices, ledger
from integrations.twentyfour.accounting_setup import AccountingSetup
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.records import BookedVouchers, LedgerLine, PostedLine, is_partial


def read_booked(
    session: Session, first: date, last: date, *, receivables: int, costs: AccountRanges, setup: AccountingSetup
) -> BookedVouchers:
    """Tell the vouchers of outgoing invoices, whoever entered them (S32), and those with costs on these accounts.

    It takes a call for each month. Where no account is named, nobody wants to know of costs.
    """
    sales: dict[str, list[PostedLine]] = defaultdict(list)
    purchases: dict[str, list[LedgerLine]] = defaultdict(list)
    for row in ledger.between(session, first, last):
        name = expenses.name_of(row, setup)
        sales[name].append(invoices.line_of(row))
        if costs.intervals:
            purchases[name].append(expenses.line_of(row))
    return BookedVouchers(
        [
            line
            for lines in sales.values()
            if invoices.is_outgoing(lines, receivables=receivables)
            for line in lines
        ],
        {
            name: lines
            for name, lines in purchases.items()
            if any(line.account in costs for line in lines) or is_partial(lines)
        },
    )
