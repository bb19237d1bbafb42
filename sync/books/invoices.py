"""Whether the books agree: each invoice of Moment against the ledger of 24SevenOffice, without a call."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from sync.books.deviations import Deviation, deviations, parts_of, wanted_parts
from sync.books.differences import Difference, Report, Standing, Total
from sync.errors import Rejected
from sync.records import Transfer
from sync.vouchers import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from sync.records import Invoice, PostedLine, Voucher

OUTGOING = frozenset({"", "InvoiceCustomer", "CreditnoteCustomer"})
"""Types of what the bridge itself posts; one that is not known may be."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared.

    Args:
        first: the first day.
        last: the last day.
        invoices: Moment's finalized invoices of these days, and some of before and after to know them by.
        lines: the outgoing invoices' lines in the ledger, of these days and of as many others.
        wanted: makes the voucher that an invoice is to have; raises Rejected.
        linked: the voucher that each invoice was posted as, "2026/17", by the invoice's Moment id.
        year_of: tells the number of the fiscal year around a day.
        receivables: the account of what customers owe.
        drafts: vouchers are left in a journal, which the ledger does not show.
        rates: the rate of each VAT code, in percent.
    """

    first: date
    last: date
    invoices: Sequence[Invoice]
    lines: Sequence[PostedLine]
    wanted: Callable[[Invoice], Voucher]
    linked: Mapping[str, str]
    year_of: Callable[[date], int]
    receivables: int
    drafts: bool = False
    rates: Mapping[str, Decimal] = field(default_factory=dict)


def reconcile(sides: Sides) -> Report:
    """Compare, and tell what differs, by invoice number; vouchers that no invoice has come last."""
    return _Reconciling(sides).report()


@dataclass
class _Reconciling:
    sides: Sides
    differences: list[Difference] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    claimed: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    sums: dict[tuple[int, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def report(self) -> Report:
        sides = self.sides
        self.vouchers = self._vouchers()
        self.by_number, self.by_link = self._indexes()
        for invoice in sorted(sides.invoices, key=lambda each: (each.number or 0, each.id)):
            names = self._names(invoice)
            self.claimed.update(names)
            if self._concerned(invoice.day, names):
                self._judge(invoice, names)
        for name, lines in self.vouchers.items():
            self._add_up(name, lines)
            if name not in self.claimed and any(map(self._inside, lines)):
                self._only_there(name, lines)
        totals = [
            Total(account, code, moment, ledger, self._rate(code))
            for (account, code), (moment, ledger) in sorted(self.sums.items())
            if moment or ledger
        ]
        return Report(sides.first, sides.last, dict(self.counts), totals, self.differences, drafts=sides.drafts)

    def _rate(self, vat_code: str) -> str:
        rate = self.sides.rates.get(vat_code)
        return "" if rate is None else plain(rate)

    def _vouchers(self) -> dict[str, list[PostedLine]]:
        vouchers: dict[str, list[PostedLine]] = defaultdict(list)
        for line in self.sides.lines:
            vouchers[f"{self.sides.year_of(line.day)}-{line.type}-{line.voucher_number}"].append(line)
        return vouchers

    def _indexes(self) -> tuple[Mapping[str, Iterable[str]], Mapping[str, Iterable[str]]]:
        by_number: dict[str, dict[str, None]] = defaultdict(dict)
        by_link: dict[str, dict[str, None]] = defaultdict(dict)
        for name, lines in self.vouchers.items():
            year, _, number = name.split("-")
            if any(line.system_type in OUTGOING for line in lines):
                by_link[f"{year}/{number}"][name] = None
            for line in lines:
                if line.invoice_number:
                    by_number[line.invoice_number][name] = None
        return by_number, by_link

    def _names(self, invoice: Invoice) -> tuple[str, ...]:
        """Tell the vouchers of an invoice: those with its number, else the one that it was posted as."""
        numbered = tuple(self.by_number.get(str(invoice.number), ()))
        return numbered or tuple(self.by_link.get(self.sides.linked.get(invoice.id, ""), ()))

    def _concerned(self, day: date, names: Iterable[str]) -> bool:
        """Tell whether an invoice or its voucher is of these days; one whose day cannot be read may be."""
        nearby = chain.from_iterable(self.vouchers[name] for name in names)
        own = day == day.min or self.sides.first <= day <= self.sides.last
        return own or any(map(self._inside, nearby))

    def _inside(self, line: PostedLine) -> bool:
        return not line.hidden and self.sides.first <= line.day <= self.sides.last

    def _judge(self, invoice: Invoice, names: tuple[str, ...]) -> None:
        if invoice.transfer is not Transfer.WANTED and invoice.id not in self.sides.linked:
            self.counts[invoice.transfer] += 1
            self.left.update(names)
            return
        if invoice.unreadable:
            self._differs(invoice, Standing.UNREADABLE, names, because=invoice.unreadable)
            return
        try:
            wanted = self.sides.wanted(invoice)
        except Rejected as refusal:
            self._differs(invoice, Standing.UNREADABLE, names, because=refusal.message)
            return
        if self.sides.first <= invoice.day <= self.sides.last:
            self._expect(wanted)
        self._hold(invoice, wanted, names)

    def _hold(self, invoice: Invoice, wanted: Voucher, names: tuple[str, ...]) -> None:
        """Hold what an invoice is to be in the ledger against what it is."""
        standing = tuple(name for name in names if any(not line.hidden for line in self.vouchers[name]))
        lines = [line for name in standing for line in self.vouchers[name]]
        amount = wanted.entries[0].amount
        if not lines:
            unseen = self.sides.drafts and invoice.id in self.sides.linked
            if unseen and not names:
                self.counts["unseen"] += 1
            else:
                self._differs(invoice, Standing.HIDDEN if names else Standing.MISSING, names, amount=amount)
            return
        found = deviations(wanted, lines)
        if not found:
            self.counts["equal"] += 1
        elif len(standing) > 1 and _cancelled(lines):
            self._differs(invoice, Standing.TAKEN_BACK, standing, amount=amount)
        elif len(standing) > 1 and abs(self._owed(lines)) != abs(amount):
            self._differs(invoice, Standing.DOUBLED, standing, amount=amount)
        else:
            self._differs(invoice, Standing.DIFFERENT, standing, amount=amount, found=found)

    def _only_there(self, name: str, lines: Sequence[PostedLine]) -> None:
        number = next((line.invoice_number for line in lines if line.invoice_number), "")
        self.differences.append(
            Difference(Standing.LEDGER_ONLY, number, lines[0].day, vouchers=(name,), amount=self._owed(lines))
        )

    def _differs(
        self,
        invoice: Invoice,
        standing: Standing,
        names: tuple[str, ...],
        *,
        amount: int = 0,
        found: Sequence[Deviation] = (),
        because: str = "",
    ) -> None:
        number = str(invoice.number or "")
        self.differences.append(
            Difference(standing, number, invoice.day, invoice.id, names, amount, tuple(found), because)
        )

    def _owed(self, lines: Iterable[PostedLine]) -> int:
        return sum(line.amount for line in lines if line.account == self.sides.receivables and not line.hidden)

    def _expect(self, wanted: Voucher) -> None:
        self.sums[wanted.entries[0].account, ""][0] += wanted.entries[0].amount
        for part in wanted_parts(wanted):
            self.sums[part.account, part.vat_code][0] += part.amount

    def _add_up(self, name: str, lines: Iterable[PostedLine]) -> None:
        """Count a voucher of these days, unless its invoice is not to be transferred by us."""
        inside = [line for line in lines if self._inside(line)]
        if name not in self.left and inside:
            self.sums[self.sides.receivables, ""][1] += self._owed(inside)
            for part in parts_of(line for line in inside if line.account != self.sides.receivables):
                self.sums[part.account, part.vat_code][1] += part.amount


def _cancelled(lines: Iterable[PostedLine]) -> bool:
    """Tell whether vouchers take each other back."""
    sums: dict[int, int] = defaultdict(int)
    for line in lines:
        sums[line.account] += 0 if line.hidden else line.amount
    return not any(sums.values())
