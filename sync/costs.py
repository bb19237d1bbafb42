"""From a supplier's voucher to the costs that projects in Moment bear, and why the rest is left alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from language.said import Said, say, tell
from models.accounts import AccountRanges
from sync.cleaning import clean
from sync.purchases import SUPPLIERS, gross_amounts
from sync.records import ExpenseDraft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from language.catalogue import Language
    from models.settings import ConnectionSettings
    from sync.purchases import LedgerLine

LONGEST_DESCRIPTION = 250

GONE = "gone"
"""Fingerprint of a link whose expense was deleted in Moment."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one project bears of a voucher on one account: ``amount`` in øre including VAT."""

    account: int
    project_number: int
    project_id: str
    amount: int
    text: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Why a line of a voucher does not become an expense: ``reason`` in short, ``why`` for a person."""

    reason: str
    why: Said


@dataclass(frozen=True, slots=True)
class Supply:
    """Who sent the invoice behind a voucher, its number and its day; ``currency`` is what it was written in."""

    supplier: str
    invoice_number: str
    day: date
    currency: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return " ".join(filter(None, (self.supplier, self.invoice_number)))


def costs_of(
    lines: Sequence[LedgerLine], *, settings: ConnectionSettings, project_id: Callable[[int], str | None]
) -> tuple[list[Cost], list[LeftAlone]]:
    """Tell the costs that become expenses, and the reasons why other lines do not.

    Args:
        lines: all lines of the voucher.
        settings: the listed accounts, and the day before which vouchers are left alone.
        project_id: finds the Moment project with a project number.
    """
    amounts: dict[tuple[int, int, str], int] = defaultdict(int)
    texts: dict[tuple[int, int, str], dict[str, None]] = defaultdict(dict)
    left_alone: dict[LeftAlone, None] = {}
    listed = AccountRanges.read(settings.expense_accounts)
    for line, amount in gross_amounts([line for line in lines if not line.hidden]):
        found = _reason(line, listed, settings.expense_from) or _project(line, project_id)
        if isinstance(found, LeftAlone):
            left_alone[found] = None
            continue
        key = (line.account, *found)
        amounts[key] += amount
        texts[key][clean(line.text, longest=LONGEST_DESCRIPTION)] = None
    costs = [Cost(*key, amount, ", ".join(filter(None, texts[key]))) for key, amount in amounts.items() if amount]
    return costs, list(left_alone)


def supply_of(lines: Sequence[LedgerLine], *, supplier: str = "", invoice_number: str = "") -> Supply:
    """Read who a voucher is from off its supplier line (S7), else off what is known besides."""
    owed = next((line for line in lines if line.account in SUPPLIERS), lines[0])
    numbers = (line.invoice_number for line in (owed, *lines) if line.invoice_number)
    return Supply(
        supplier=clean(owed.supplier_name or supplier, longest=100),
        invoice_number=clean(next(numbers, invoice_number), longest=50),
        day=owed.day,
        currency=owed.currency,
    )


def drafts_of(
    voucher: str, costs: Sequence[Cost], supply: Supply, *, settings: ConnectionSettings
) -> Mapping[str, ExpenseDraft]:
    """Put costs as Moment takes them, by our key of each; the activity is filled in when they are sent."""
    return {
        key_of(voucher, cost.project_number, cost.account): ExpenseDraft(
            external_id=external_id(key_of(voucher, cost.project_number, cost.account)),
            project_id=cost.project_id,
            activity_id="",
            description=_description(cost, supply, settings.language),
            amount=cost.amount,
            supplier=supply.supplier,
            invoice_number=supply.invoice_number,
            day=supply.day,
            billable=settings.expense_billable_projects.get(cost.project_number, settings.expense_billable),
        )
        for cost in costs
    }


def key_of(voucher: str, project_number: int, account: int) -> str:
    """Name an expense by where its cost stands in 24SevenOffice; it is linked by this name."""
    return f"{voucher}/{project_number}/{account}"


def external_id(key: str) -> str:
    """Tell the name under which Moment keeps an expense for us."""
    return f"24so:{key}"


def title_of(voucher: str, lines: Sequence[LedgerLine]) -> Said:
    """Name a voucher as a person does."""
    year, _, number = voucher.split("-")
    name = supply_of(lines).name if lines else ""
    if not name:
        return say("Voucher {number} of {year}", number=number, year=year)
    return say("Voucher {number} of {year} ({name})", number=number, year=year, name=name)


def _reason(line: LedgerLine, listed: AccountRanges, first_day: date | None) -> LeftAlone | None:
    if line.account not in listed:
        return LeftAlone(
            reason="not_listed", why=say("Account {account} is not listed for expenses", account=line.account)
        )
    if first_day and line.day < first_day:
        day = f"{first_day:%d.%m.%Y}"
        return LeftAlone(reason="before_first_day", why=say("It is dated before {day}", day=day))
    if not line.project_number:
        return LeftAlone(
            reason="no_project", why=say("The cost on account {account} is on no project", account=line.account)
        )
    return None


def _project(line: LedgerLine, project_id: Callable[[int], str | None]) -> tuple[int, str] | LeftAlone:
    number = line.project_number or 0
    found = project_id(number)
    if found:
        return number, found
    return LeftAlone(reason="unknown_project", why=say("Moment has no project {number}", number=number))


def _description(cost: Cost, supply: Supply, language: Language) -> str:
    """Say what the cost is; an amount in another currency stays in kroner and names the currency."""
    text = cost.text or supply.name or tell(say("Account {account}", account=cost.account), language)
    suffix = "" if supply.currency == "NOK" else f" ({supply.currency})"
    return text[: LONGEST_DESCRIPTION - len(suffix)] + suffix
