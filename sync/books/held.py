"""What both systems hold of some days, as a comparison of the books reads it: many records in few calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sync.purchases import LedgerLine
    from sync.records import PostedLine


@dataclass(frozen=True, slots=True)
class HeldExpense:
    """An expense with an external id as Moment holds it (M18): ``amount`` in øre including VAT.

    ``unreadable`` says why one could not be read: it has nothing but its names then.
    """

    id: str
    external_id: str
    project_id: str = ""
    description: str = ""
    amount: int = 0
    currency: str = "NOK"
    supplier: str = ""
    invoice_number: str = ""
    day: date | None = None
    invoiced: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has of some days, hidden lines too.

    ``sales`` are the lines of outgoing invoices' vouchers. ``purchases`` are, by name, the vouchers with a line on
    the accounts asked for, and those of which other days have a part, as their lines of these days do not balance.
    """

    sales: Sequence[PostedLine] = ()
    purchases: Mapping[str, Sequence[LedgerLine]] = field(default_factory=dict)

    def amid(self, before: Booked, after: Booked) -> Booked:
        """Put what other days have of it around it."""
        purchases: dict[str, list[LedgerLine]] = defaultdict(list)
        for name, lines in chain.from_iterable(each.purchases.items() for each in (before, self, after)):
            purchases[name] += lines
        return Booked((*self.sales, *before.sales, *after.sales), dict(purchases))


def in_part(lines: Sequence[LedgerLine]) -> bool:
    """Tell whether lines are a part of a voucher only: a whole one balances, counting what is hidden."""
    return sum(line.amount for line in lines) != 0
