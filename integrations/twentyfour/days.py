"""What the ledger has of some days: outgoing invoices and costs from one reading, since requests are scarce."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from integrations.twentyfour import expenses, invoices, ledger
from sync.books.held import Booked, in_part

if TYPE_CHECKING:
    from datetime import date

    from integrations.twentyfour.books import Books
    from integrations.twentyfour.session import Session
    from models.accounts import AccountRanges
    from sync.purchases import LedgerLine
    from sync.records import PostedLine


def booked(
    session: Session, first: date, last: date, *, receivables: int, costs: AccountRanges, books: Books
) -> Booked:
    """Tell the vouchers of outgoing invoices, whoever entered them (S32), and those with costs on these accounts.

    It takes a call for each month. Where no account is named, nobody wants to know of costs.
    """
    sales: dict[str, list[PostedLine]] = defaultdict(list)
    purchases: dict[str, list[LedgerLine]] = defaultdict(list)
    for row in ledger.between(session, first, last):
        name = expenses.name_of(row, books)
        sales[name].append(invoices.line_of(row))
        if costs.intervals:
            purchases[name].append(expenses.line_of(row))
    return Booked(
        [
            line
            for lines in sales.values()
            if invoices.is_outgoing(lines, receivables=receivables)
            for line in lines
        ],
        {
            name: lines
            for name, lines in purchases.items()
            if any(line.account in costs for line in lines) or in_part(lines)
        },
    )
