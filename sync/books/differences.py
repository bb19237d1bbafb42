"""What a comparison of the books comes to: what differs, in words and in what JSON can hold."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from language.said import as_json, from_json, say
from sync.books.deviations import Deviation, Point

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from language.said import Said


class Standing(StrEnum):
    """How an invoice stands in the ledger, or an expense in Moment, where it does not stand there as it should."""

    MISSING = "missing"
    HIDDEN = "hidden"
    TAKEN_BACK = "taken back"
    DOUBLED = "doubled"
    DIFFERENT = "different"
    LEDGER_ONLY = "only in the ledger"
    UNREADABLE = "unreadable"
    NOT_BROUGHT = "not in Moment"
    ALTERED = "different in Moment"
    MOMENT_ONLY = "only in Moment"
    DOUBLED_IN_MOMENT = "doubled in Moment"


TOLD: Mapping[Standing, Said] = MappingProxyType(
    {
        Standing.MISSING: say("Not in the ledger"),
        Standing.HIDDEN: say("Hidden in the ledger"),
        Standing.TAKEN_BACK: say("Taken back in the ledger"),
        Standing.DOUBLED: say("More than once in the ledger"),
        Standing.DIFFERENT: say("Another in the ledger than in Moment"),
        Standing.LEDGER_ONLY: say("Only in the ledger"),
        Standing.UNREADABLE: say("Cannot be compared"),
        Standing.NOT_BROUGHT: say("Not in Moment"),
        Standing.ALTERED: say("Another in Moment than in the ledger"),
        Standing.MOMENT_ONLY: say("Only in Moment: its cost is not in the ledger, or no longer there"),
        Standing.DOUBLED_IN_MOMENT: say("More than once in Moment"),
    }
)

REMEDIES: Mapping[Standing, Said] = MappingProxyType(
    {
        Standing.MISSING: say("Send it. The ledger is looked at first, so that nothing is posted twice."),
        Standing.HIDDEN: say("If it was hidden by mistake, show it again in 24SevenOffice."),
        Standing.TAKEN_BACK: say("If it was taken back by mistake, enter its voucher anew in 24SevenOffice."),
        Standing.DOUBLED: say("Take back all but the right one in 24SevenOffice."),
        Standing.DIFFERENT: say(
            "Correct the voucher in 24SevenOffice. Or delete it there, then send the invoice again: nothing is "
            "posted as long as it is there."
        ),
        Standing.LEDGER_ONLY: say("See whether it belongs there: Moment has no such invoice."),
        Standing.UNREADABLE: say("Compare it by hand."),
        Standing.NOT_BROUGHT: say("Bring it. Moment is looked at first, so that nothing is made twice."),
        Standing.ALTERED: say(
            "Bring it again, and it becomes what the ledger says. If the ledger is wrong, correct it there."
        ),
        Standing.MOMENT_ONLY: say("Bring its voucher again, and the expense is removed, if the ledger is right."),
        Standing.DOUBLED_IN_MOMENT: say("Delete all but one in Moment."),
    }
)

POINTS: Mapping[Point, Said] = MappingProxyType(
    {
        Point.AMOUNT: say("Amount"),
        Point.SIGN: say("Debit and credit"),
        Point.ACCOUNT: say("Account"),
        Point.VAT: say("VAT code"),
        Point.PROJECT: say("Project"),
        Point.CUSTOMER: say("Customer number"),
        Point.DATE: say("Date"),
        Point.MONTH: say("Month"),
        Point.NUMBER: say("Invoice number"),
        Point.DUE: say("Due date"),
        Point.DEPARTMENT: say("Department"),
        Point.SUPPLIER: say("Supplier"),
        Point.DESCRIPTION: say("Description"),
    }
)


BRINGABLE = frozenset({Standing.NOT_BROUGHT, Standing.ALTERED, Standing.MOMENT_ONLY})


@dataclass(frozen=True, slots=True)
class Difference:
    """An invoice, voucher or expense that differs: ``amount`` in øre, ``moment_id`` empty for what Moment lacks.

    ``vouchers`` are named by fiscal year, type and number: "2026-101-17". ``expense`` is our key of an expense.
    """

    standing: Standing
    number: str
    day: date
    moment_id: str = ""
    vouchers: tuple[str, ...] = ()
    amount: int = 0
    deviations: tuple[Deviation, ...] = ()
    because: str = ""
    expense: str = ""

    @property
    def key(self) -> str:
        """What it is about, whatever is wrong with it."""
        if self.expense:
            return f"expense/{self.expense}"
        return f"invoice/{self.moment_id}" if self.moment_id else f"voucher/{self.vouchers[0]}"

    @property
    def fingerprint(self) -> str:
        """What is wrong with it: accepted as known, it is no news until this changes."""
        return hashlib.sha256(repr((*self.as_json().items(),)).encode()).hexdigest()

    @property
    def what(self) -> Said:
        """What is wrong, in short."""
        return TOLD[self.standing]

    @property
    def details(self) -> list[Said | str]:
        """What is wrong, point by point."""
        told: list[Said | str] = [
            say(
                "{point}: {moment} in Moment, {ledger} in the ledger",
                point=POINTS[each.point],
                moment=each.moment,
                ledger=each.ledger,
            )
            for each in self.deviations
        ]
        return [*told, *filter(None, [self.because])]

    @property
    def remedy(self) -> Said:
        """What a person can do about it."""
        return REMEDIES[self.standing]

    @property
    def sendable(self) -> bool:
        """Whether it may be sent (again): a look by number and fiscal year would find what is there.

        An expense may be, unless there is a reason why that would be in vain.
        """
        if self.expense:
            return self.standing in BRINGABLE and not self.because
        if self.standing is Standing.DIFFERENT:
            return {Point.NUMBER, Point.MONTH}.isdisjoint(each.point for each in self.deviations)
        return self.standing is Standing.MISSING

    @property
    def forgets(self) -> str:
        """Tell our key of the expense whose link is in the way of bringing it again, empty where none is."""
        return self.expense if self.standing is not Standing.MOMENT_ONLY else ""

    @property
    def voucher_names(self) -> str:
        """The vouchers as a person reads them: number and fiscal year."""
        parts = (name.split("-") for name in self.vouchers)
        return ", ".join(f"{number}/{year}" for year, _, number in parts)

    def as_json(self) -> dict[str, Any]:
        """Put it into what JSON can hold."""
        return {
            "standing": self.standing,
            "number": self.number,
            "day": self.day.isoformat(),
            "moment_id": self.moment_id,
            "vouchers": list(self.vouchers),
            "amount": self.amount,
            "deviations": [[each.point, each.moment, each.ledger] for each in self.deviations],
            "because": as_json(self.because),
            **({"expense": self.expense} if self.expense else {}),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Difference:
        """Read what :meth:`as_json` wrote."""
        return cls(
            Standing(told["standing"]),
            told["number"],
            date.fromisoformat(told["day"]),
            told["moment_id"],
            tuple(told["vouchers"]),
            told["amount"],
            tuple(Deviation(Point(point), *sides) for point, *sides in told["deviations"]),
            from_json(told["because"]),
            told.get("expense", ""),
        )


@dataclass(frozen=True, slots=True)
class Total:
    """What an account has under a VAT code in all: øre, VAT included, in credit below zero.

    ``rate`` is that of the code, in percent as a person writes it; empty where there is none.
    """

    account: int
    vat_code: str
    moment: int
    ledger: int
    rate: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in the days from ``first`` to ``last``, both included.

    ``counts`` tells how many invoices are equal, how many Moment says not to transfer (unwanted) or to have been
    transferred (done) already, and how many may be drafts that the ledger does not show (unseen). ``expenses`` is
    the same of the expenses, where they travel; what its counts tell is said in :mod:`sync.books.expenses`.
    """

    first: date
    last: date
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: Sequence[Total] = ()
    differences: Sequence[Difference] = ()
    drafts: bool = False
    known: Sequence[Difference] = ()
    expenses: Report | None = None

    @property
    def agree(self) -> bool:
        """Whether the books agree, but for what is known."""
        return not self.everything

    @property
    def everything(self) -> Sequence[Difference]:
        """All differences, of invoices and of expenses."""
        return (*self.differences, *(self.expenses.differences if self.expenses else ()))

    def without(self, known: Collection[tuple[str, str]]) -> Report:
        """Set apart what somebody has accepted: the pairs of key and fingerprint."""
        sides: tuple[list[Difference], list[Difference]] = ([], [])
        for each in self.differences:
            sides[(each.key, each.fingerprint) in known].append(each)
        expenses = self.expenses.without(known) if self.expenses else None
        return replace(self, differences=sides[False], known=sides[True], expenses=expenses)

    def count(self, name: str) -> int:
        """Tell one of the counts."""
        return self.counts.get(name, 0)

    def as_json(self) -> dict[str, Any]:
        """Put it into what JSON can hold; amounts stay øre."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "counts": dict(self.counts),
            "totals": [[*astuple(each)] for each in self.totals],
            "differences": [each.as_json() for each in self.differences],
            "drafts": self.drafts,
            "expenses": self.expenses.as_json() if self.expenses else None,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Report:
        """Read what :meth:`as_json` wrote."""
        return cls(
            date.fromisoformat(told["first"]),
            date.fromisoformat(told["last"]),
            told["counts"],
            [Total(*each) for each in told["totals"]],
            [Difference.from_json(each) for each in told["differences"]],
            told["drafts"],
            expenses=cls.from_json(expenses) if (expenses := told.get("expenses")) else None,
        )
