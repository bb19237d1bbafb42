"""Where a voucher in the ledger is not what the invoice makes of itself: point by point and right to the øre."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from sync.purchases import VAT, LedgerLine, gross_amounts
from sync.vouchers import kroner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sync.records import PostedLine, Voucher

Key: TypeAlias = tuple[str, ...]
Sums: TypeAlias = "Mapping[Key, int]"

UNKNOWN = 0
"""Stands for a customer or project whose number nobody knows; it is not compared."""

NOTHING = "-"


class Point(StrEnum):
    """What differs."""

    AMOUNT = "amount"
    SIGN = "sign"
    ACCOUNT = "account"
    VAT = "vat"
    PROJECT = "project"
    CUSTOMER = "customer"
    DATE = "date"
    MONTH = "month"
    NUMBER = "number"
    DUE = "due"
    DEPARTMENT = "department"
    SUPPLIER = "supplier"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One point that differs, with what each side has, as it is written in every language."""

    point: Point
    moment: str
    ledger: str


@dataclass(frozen=True, slots=True)
class Part:
    """What an account, VAT code and project have of a voucher's revenue: ``amount`` in øre, VAT included."""

    account: int
    vat_code: str
    project: int | None
    amount: int


def deviations(wanted: Voucher, lines: Sequence[PostedLine]) -> list[Deviation]:
    """Compare a voucher with its visible lines in the ledger, where revenue may stand net with lines of VAT.

    Net revenue bears its share of the VAT lines (S5, S33), which rounds to the øre on each line: there a sum may
    be off by an øre for each line. What the customer owes never may.
    """
    held = [line for line in lines if not line.hidden]
    owed = _owed(wanted, held)
    parts = parts_of([line for line in held if line not in owed])
    found = [*_of_amounts(wanted, owed, parts), *_of_names(wanted, held, owed)]
    exact = not any(each.point in {Point.AMOUNT, Point.SIGN} for each in found)
    return found + list(_of_parts(wanted_parts(wanted), parts, exact=exact, slack=_slack(held)))


def wanted_parts(wanted: Voucher) -> list[Part]:
    """Tell the revenue of a voucher as it is to be posted."""
    return [
        Part(each.account, _code(each.tax_code), each.project_number, each.amount) for each in wanted.entries[1:]
    ]


def parts_of(lines: Iterable[PostedLine]) -> list[Part]:
    """Tell the revenue of a voucher as it is posted; none of the lines is what the customer owes."""
    as_costs = [
        LedgerLine(line.account, line.amount, line.day, _code(line.vat_code), line.project_number)
        for line in lines
    ]
    return [
        Part(line.account, line.vat_code, line.project_number, amount) for line, amount in gross_amounts(as_costs)
    ]


def written(day: date) -> str:
    """Write a day as Norwegians and Englishmen both read it."""
    return f"{day:%d.%m.%Y}"


def _owed(wanted: Voucher, held: Sequence[PostedLine]) -> list[PostedLine]:
    """Tell the lines of what the customer owes, also where they are on a wrong account."""
    receivable = wanted.entries[0]
    right = [line for line in held if line.account == receivable.account]
    revenue = {entry.account for entry in wanted.entries[1:]}
    strange = [line for line in held if line.account not in revenue and line.account not in VAT]
    return right or [line for line in strange if line.amount * receivable.amount > 0]


def _of_amounts(wanted: Voucher, owed: Sequence[PostedLine], parts: Sequence[Part]) -> Iterator[Deviation]:
    amount, held = wanted.entries[0].amount, sum(line.amount for line in owed)
    revenue = -sum(part.amount for part in parts)
    if held == -amount == revenue:
        yield Deviation(Point.SIGN, kroner(amount), kroner(held))
    elif held != amount:
        yield Deviation(Point.AMOUNT, kroner(amount), kroner(held))
    elif revenue != amount:
        yield Deviation(Point.AMOUNT, kroner(amount), kroner(revenue))


def _of_names(wanted: Voucher, held: Sequence[PostedLine], owed: Sequence[PostedLine]) -> Iterator[Deviation]:
    receivable = wanted.entries[0]
    accounts = {line.account for line in owed}
    if accounts != {receivable.account}:
        yield Deviation(Point.ACCOUNT, str(receivable.account), _listed(accounts))
    strangers = {line.customer_number for line in held} - {None, receivable.customer_number}
    if strangers and receivable.customer_number != UNKNOWN:
        yield Deviation(Point.CUSTOMER, str(receivable.customer_number), _listed(strangers))
    numbers, number = {line.invoice_number for line in held} - {""}, str(wanted.invoice_number)
    if numbers != {number}:
        yield Deviation(Point.NUMBER, number, _listed(numbers))
    days = sorted({line.day for line in held} - {wanted.day})
    if days:
        same_month = all((day.year, day.month) == (wanted.day.year, wanted.day.month) for day in days)
        point = Point.DATE if same_month else Point.MONTH
        yield Deviation(point, written(wanted.day), ", ".join(map(written, days)))
    dues = sorted({line.due for line in owed if line.due} - {wanted.due})
    if dues:
        yield Deviation(Point.DUE, written(wanted.due), ", ".join(map(written, dues)))
    departments = {line.department for line in held} - {None, receivable.department}
    if departments and receivable.department:
        yield Deviation(Point.DEPARTMENT, str(receivable.department), _listed(departments))


def _of_parts(ours: list[Part], theirs: list[Part], *, exact: bool, slack: int | None) -> Iterator[Deviation]:
    """Compare account by account, then VAT and project on each; amounts only where the accounts agree."""

    def differ(point: Point, key: Callable[[Part], Key], slack: int | None) -> Iterator[Deviation]:
        one, other = _sums(ours, key), _sums(theirs, key)
        if not _alike(one, other, slack=slack):
            yield Deviation(point, _shown(one, other), _shown(other, one))

    allowed = slack if exact else None
    of_accounts = list(differ(Point.ACCOUNT, lambda part: (str(part.account),), allowed))
    yield from of_accounts
    allowed = None if of_accounts else allowed
    on: Callable[[Part], Key] = (lambda _: ()) if of_accounts else (lambda part: (str(part.account),))
    yield from differ(Point.VAT, lambda part: (*on(part), part.vat_code or "0"), allowed)
    if not any(part.project == UNKNOWN for part in ours):
        yield from differ(Point.PROJECT, lambda part: (*on(part), str(part.project or NOTHING)), allowed)


def _slack(held: Sequence[PostedLine]) -> int | None:
    """Tell by how many øre a sum may be off; None where only what stands there can be compared, not how much."""
    vat = {_code(line.vat_code) for line in held if line.account in VAT}
    codes = {_code(line.vat_code) for line in held if line.account not in VAT}
    if not vat:
        return 0
    return len(held) if vat <= codes else None


def _alike(one: Sums, other: Sums, *, slack: int | None) -> bool:
    if one.keys() != other.keys():
        return False
    return slack is None or all(abs(one[key] - other[key]) <= slack for key in one)


def _sums(parts: Iterable[Part], key: Callable[[Part], Key]) -> Sums:
    sums: dict[Key, int] = defaultdict(int)
    for part in parts:
        sums[key(part)] += part.amount
    return {key: amount for key, amount in sums.items() if amount}


def _shown(sums: Sums, other: Sums) -> str:
    """Write what the other side does not have just so, in credit as it is in the ledger."""
    told = [f"{'/'.join(key)}: {kroner(sums[key])}" for key in sorted(sums) if sums[key] != other.get(key)]
    return ", ".join(told) or NOTHING


def _listed(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values))) or NOTHING


def _code(vat_code: str) -> str:
    return "" if vat_code == "0" else vat_code
