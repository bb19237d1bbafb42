"""The report of a reconciliation: the discrepancies, as text and as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from i18n.messages import Message, as_json, from_json, msg
from sync.reconciliation.differences import ComparedField, FieldDifference


class DiscrepancyType(StrEnum):
    """The types of discrepancies of an invoice in the ledger, or of an expense in Moment."""

    MISSING = "missing"
    HIDDEN = "hidden"
    REVERSED = "taken back"
    DUPLICATED = "doubled"
    DIFFERENT = "different"
    LEDGER_ONLY = "only in the ledger"
    UNREADABLE = "unreadable"
    NOT_IN_MOMENT = "not in Moment"
    DIFFERENT_IN_MOMENT = "different in Moment"
    MOMENT_ONLY = "only in Moment"
    DUPLICATED_IN_MOMENT = "doubled in Moment"


DESCRIPTIONS: Mapping[DiscrepancyType, Message] = {
    DiscrepancyType.MISSING: msg("Not in the ledger"),
    DiscrepancyType.HIDDEN: msg("Hidden in the ledger"),
    DiscrepancyType.REVERSED: msg("Reversed in the ledger"),
    DiscrepancyType.DUPLICATED: msg("More than once in the ledger"),
    DiscrepancyType.DIFFERENT: msg("Ledger entry differs from Moment"),
    DiscrepancyType.LEDGER_ONLY: msg("Only in the ledger"),
    DiscrepancyType.UNREADABLE: msg("Cannot be compared"),
    DiscrepancyType.NOT_IN_MOMENT: msg("Not in Moment"),
    DiscrepancyType.DIFFERENT_IN_MOMENT: msg("Expense in Moment differs from the ledger"),
    DiscrepancyType.MOMENT_ONLY: msg("Only in Moment: its cost isn't in the ledger, or no longer there"),
    DiscrepancyType.DUPLICATED_IN_MOMENT: msg("More than once in Moment"),
}

REMEDIES: Mapping[DiscrepancyType, Message] = {
    DiscrepancyType.MISSING: msg("Send it. The ledger is checked first, so nothing is posted twice."),
    DiscrepancyType.HIDDEN: msg("If it was hidden by mistake, show it again in 24SevenOffice."),
    DiscrepancyType.REVERSED: msg("If it was reversed by mistake, enter its voucher again in 24SevenOffice."),
    DiscrepancyType.DUPLICATED: msg("Reverse all but the correct one in 24SevenOffice."),
    DiscrepancyType.DIFFERENT: msg(
        "Correct the voucher in 24SevenOffice. Or delete it there, then send the invoice again: nothing is "
        "posted as long as it is there."
    ),
    DiscrepancyType.LEDGER_ONLY: msg("Check whether it belongs there: this invoice doesn't exist in Moment."),
    DiscrepancyType.UNREADABLE: msg("Compare it manually."),
    DiscrepancyType.NOT_IN_MOMENT: msg("Import it. Moment is checked first, so nothing is created twice."),
    DiscrepancyType.DIFFERENT_IN_MOMENT: msg(
        "Import it again to match the ledger. If the ledger is wrong, correct it there."
    ),
    DiscrepancyType.MOMENT_ONLY: msg("If the ledger is right, import its voucher again to remove the expense."),
    DiscrepancyType.DUPLICATED_IN_MOMENT: msg("Delete all but one in Moment."),
}

FIELD_NAMES: Mapping[ComparedField, Message] = {
    ComparedField.AMOUNT: msg("Amount"),
    ComparedField.SIGN: msg("Debit and credit"),
    ComparedField.ACCOUNT: msg("Account"),
    ComparedField.VAT: msg("VAT code"),
    ComparedField.VAT_AMOUNT: msg("Revenue without VAT, and VAT"),
    ComparedField.PROJECT: msg("Project"),
    ComparedField.CUSTOMER: msg("Customer number"),
    ComparedField.DATE: msg("Date"),
    ComparedField.MONTH: msg("Month"),
    ComparedField.NUMBER: msg("Invoice number"),
    ComparedField.DUE: msg("Due date"),
    ComparedField.DEPARTMENT: msg("Department"),
    ComparedField.SUPPLIER: msg("Supplier"),
    ComparedField.DESCRIPTION: msg("Description"),
}


SYNCABLE_EXPENSES = frozenset(
    {DiscrepancyType.NOT_IN_MOMENT, DiscrepancyType.DIFFERENT_IN_MOMENT, DiscrepancyType.MOMENT_ONLY}
)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """An invoice, voucher, such as "2026-101-17", or expense, by our key; ``amount`` in øre."""

    type: DiscrepancyType
    number: str
    day: date
    moment_id: str = ""
    vouchers: tuple[str, ...] = ()
    amount: int = 0
    differences: tuple[FieldDifference, ...] = ()
    because: str = ""
    expense: str = ""

    @property
    def key(self) -> str:
        """The record that the discrepancy is about, whatever differs."""
        if self.expense:
            return f"expense/{self.expense}"
        return f"invoice/{self.moment_id}" if self.moment_id else f"voucher/{self.vouchers[0]}"

    @property
    def fingerprint(self) -> str:
        """The hash of the differences: an accepted discrepancy is not reported until this changes."""
        return hashlib.sha256(repr((*self._hashed_values().items(),)).encode()).hexdigest()

    @property
    def description(self) -> Message:
        return DESCRIPTIONS[self.type]

    @property
    def details(self) -> list[Message | str]:
        details: list[Message | str] = [
            msg(
                "{point}: {moment} in Moment, {ledger} in the ledger",
                point=FIELD_NAMES[each.field],
                moment=each.moment,
                ledger=each.ledger,
            )
            for each in self.differences
        ]
        return [*details, *filter(None, [self.because])]

    @property
    def remedy(self) -> Message:
        return REMEDIES[self.type]

    @property
    def can_be_sent(self) -> bool:
        """Whether it may be sent (again): a search of the ledger would find a voucher that is already posted."""
        if self.expense:
            return self.type in SYNCABLE_EXPENSES and not self.because
        if self.type is DiscrepancyType.DIFFERENT:
            return {ComparedField.NUMBER, ComparedField.MONTH}.isdisjoint(each.field for each in self.differences)
        return self.type is DiscrepancyType.MISSING

    @property
    def expense_to_unlink(self) -> str:
        """Our key of the expense whose link keeps it from being created again; empty if none does."""
        return self.expense if self.type is not DiscrepancyType.MOMENT_ONLY else ""

    @property
    def voucher_names(self) -> str:
        """The vouchers as people name them: number and fiscal year."""
        parts = (name.split("-") for name in self.vouchers)
        return ", ".join(f"{number}/{year}" for year, _, number in parts)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values. "typed" has the values of "differences", with the types of days and amounts."""
        typed = [[as_json(each.moment), as_json(each.ledger)] for each in self.differences]
        return {**self._hashed_values(), **({"typed": typed} if typed else {})}

    def _hashed_values(self) -> dict[str, Any]:
        """Return the values that fingerprints of accepted discrepancies hash, unchanged in every release."""
        return {
            "type": self.type,
            "number": self.number,
            "day": self.day.isoformat(),
            "moment_id": self.moment_id,
            "vouchers": list(self.vouchers),
            "amount": self.amount,
            "differences": [[each.field, str(each.moment), str(each.ledger)] for each in self.differences],
            "because": as_json(self.because),
            **({"expense": self.expense} if self.expense else {}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Discrepancy:
        differences = [(name, [*sides]) for name, *sides in values["differences"]]
        typed = values.get("typed") or [sides for _, sides in differences]
        return cls(
            type=DiscrepancyType(values["type"]),
            number=values["number"],
            day=date.fromisoformat(values["day"]),
            moment_id=values["moment_id"],
            vouchers=tuple(values["vouchers"]),
            amount=values["amount"],
            differences=tuple(
                FieldDifference(ComparedField(name), *map(from_json, sides))
                for (name, _), sides in zip(differences, typed, strict=True)
            ),
            because=from_json(values["because"]),
            expense=values.get("expense", ""),
        )


UNKNOWN_ACCOUNT = "?"
"""Shown for an unknown account."""


@dataclass(frozen=True, slots=True)
class Total:
    """The total of an account, 0 if unknown, under a VAT code at a rate in percent, in øre, negative in credit."""

    account: int
    vat_code: str
    moment: int
    ledger: int
    rate: str = ""


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """The result of a reconciliation for the days from ``first`` to ``last``, both included.

    ``counts`` are the invoices that are equal, excluded in Moment (unwanted), transferred (done), perhaps a draft
    (unseen), before_first_day, or equal with VAT that 24SevenOffice rounded differently (vat_rounded). ``totals``
    are by account of the ledger, with VAT on its own accounts unless ``vat_included``, as for expenses.
    """

    first: date
    last: date
    counts: Mapping[str, int] = field(default_factory=dict)
    totals: Sequence[Total] = ()
    discrepancies: Sequence[Discrepancy] = ()
    drafts: bool = False
    accepted: Sequence[Discrepancy] = ()
    expenses: ReconciliationReport | None = None
    vat_included: bool = True

    @property
    def agree(self) -> bool:
        """Whether both sides agree, apart from accepted discrepancies."""
        return not self.all_discrepancies

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to compare, which does not count as agreement."""
        has_content = any(self.counts.values()) or self.discrepancies or self.accepted or self.totals
        return not has_content and (self.expenses is None or self.expenses.is_empty)

    @property
    def all_discrepancies(self) -> Sequence[Discrepancy]:
        return (*self.discrepancies, *(self.expenses.discrepancies if self.expenses else ()))

    @property
    def all_accepted(self) -> Sequence[Discrepancy]:
        return (*self.accepted, *(self.expenses.accepted if self.expenses else ()))

    def separate_accepted(self, known: Collection[tuple[str, str]]) -> ReconciliationReport:
        """Separate the accepted discrepancies, given as pairs of key and fingerprint."""
        sides: tuple[list[Discrepancy], list[Discrepancy]] = ([], [])
        for each in self.discrepancies:
            sides[(each.key, each.fingerprint) in known].append(each)
        expenses = self.expenses.separate_accepted(known) if self.expenses else None
        return replace(self, discrepancies=sides[False], accepted=sides[True], expenses=expenses)

    def count(self, name: str) -> int:
        return self.counts.get(name, 0)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values; amounts stay in øre."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "counts": dict(self.counts),
            "totals": [[*astuple(each)] for each in self.totals],
            "discrepancies": [each.as_json() for each in self.discrepancies],
            "drafts": self.drafts,
            "expenses": self.expenses.as_json() if self.expenses else None,
            "vat_included": self.vat_included,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ReconciliationReport:
        return cls(
            first=date.fromisoformat(values["first"]),
            last=date.fromisoformat(values["last"]),
            counts=values["counts"],
            totals=[Total(*each) for each in values["totals"]],
            discrepancies=[Discrepancy.from_json(each) for each in values["discrepancies"]],
            drafts=values["drafts"],
            expenses=cls.from_json(expenses) if (expenses := values.get("expenses")) else None,
            vat_included=values.get("vat_included", True),
        )
