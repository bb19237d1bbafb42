"""Differences between a voucher and its invoice, or an expense and its cost: exact to the øre."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from i18n.messages import Amount, Day, Message, joined
from sync.money import NOK, format_kroner
from sync.records import NO_VAT_CODE, ExistingExpense, ExpenseDraft, LedgerLine, Voucher, is_vat_code
from sync.rules.output_vat import differences
from sync.rules.vat_allocation import VAT_ACCOUNTS, gross_revenue

Key: TypeAlias = tuple[str, ...]
Sums: TypeAlias = "Mapping[Key, int]"

UNKNOWN = 0
"""The number of a customer or project whose number is unknown; it is not compared."""

NOTHING = "-"


class ComparedField(StrEnum):
    AMOUNT = "amount"
    SIGN = "sign"
    ACCOUNT = "account"
    VAT = "vat"
    VAT_AMOUNT = "vat amount"
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
class FieldDifference:
    """A field that differs, with the values of both sides, formatted for any language."""

    field: ComparedField
    moment: str
    ledger: str


@dataclass(frozen=True, slots=True)
class RevenuePart:
    """The revenue of a voucher on an account, VAT code and project: ``amount`` in øre, VAT included."""

    account: int
    vat_code: str
    project: int | None
    amount: int


def compare_voucher(
    expected: Voucher, lines: Sequence[LedgerLine], *, rates: Mapping[str, Decimal]
) -> list[FieldDifference]:
    """Compare a voucher with its visible lines in the ledger, where revenue is net and VAT has its own lines.

    Net revenue gets its share of the VAT lines (S5, S33), rounded on each line. If that agrees, net revenue and
    VAT are compared to the øre; VAT that 24SevenOffice splits off may differ by half an øre a line.
    """
    visible = [line for line in lines if not line.hidden]
    owed = _receivable_lines(expected, visible)
    parts = parts_of((line for line in visible if line not in owed), rates=rates)
    found = [*_compare_amounts(expected, owed, parts), *_compare_names(expected, visible, owed)]
    exact = not any(each.field in {ComparedField.AMOUNT, ComparedField.SIGN} for each in found)
    found += _compare_parts(expected_parts(expected), parts, exact=exact, slack=_allowed_rounding(visible))
    of_revenue = {ComparedField.AMOUNT, ComparedField.SIGN, ComparedField.ACCOUNT, ComparedField.VAT}
    if not any(each.field in of_revenue for each in found):
        found += _compare_vat(expected, visible)
    return found


def vat_is_rounded_otherwise(expected: Voucher, lines: Iterable[LedgerLine]) -> bool:
    """Return whether net revenue or VAT in the ledger differ from the invoice by a few øre."""
    return bool(differences(replace(expected, voucher_vat="net"), lines))


def compare_expense(
    draft: ExpenseDraft, expense: ExistingExpense, *, project: Callable[[], FieldDifference], nameless: bool
) -> Iterator[FieldDifference]:
    """Yield the differences, except in activity and billing, which are up to the project once an expense exists.

    If the supplier is ``nameless`` (S7), neither its name nor the description is compared.
    """
    foreign = expense.currency != NOK
    if expense.amount != draft.amount or foreign:
        amount = format_kroner(expense.amount)
        shown = joined(amount, expense.currency, between=" ") if foreign else amount
        yield FieldDifference(ComparedField.AMOUNT, shown, format_kroner(draft.amount))
    if expense.day != draft.day:
        yield FieldDifference(ComparedField.DATE, day_or_nothing(expense.day), Day(draft.day))
    if expense.project_id != draft.project_id:
        yield project()
    if expense.invoice_number != draft.invoice_number:
        yield FieldDifference(
            ComparedField.NUMBER, expense.invoice_number or NOTHING, draft.invoice_number or NOTHING
        )
    if nameless:
        return
    if expense.supplier != draft.supplier:
        yield FieldDifference(ComparedField.SUPPLIER, expense.supplier or NOTHING, draft.supplier or NOTHING)
    if _parts(expense.description) != _parts(draft.description):
        yield FieldDifference(ComparedField.DESCRIPTION, expense.description or NOTHING, draft.description)


def expected_parts(expected: Voucher) -> list[RevenuePart]:
    return [
        RevenuePart(each.account, vat_code_of(each.tax_code), each.project_number, each.gross)
        for each in expected.revenue
    ]


def parts_of(lines: Iterable[LedgerLine], *, rates: Mapping[str, Decimal]) -> list[RevenuePart]:
    """Return the revenue of a posted voucher; its receivable is not among the lines."""
    coded = [replace(line, vat_code=vat_code_of(line.vat_code)) for line in lines]
    return [
        RevenuePart(line.account, line.vat_code, line.project_number, amount)
        for line, amount in gross_revenue(coded, rates=rates)
    ]


def day_or_nothing(day: date | None) -> str:
    return Day(day) if day else NOTHING


def _receivable_lines(expected: Voucher, lines: Sequence[LedgerLine]) -> list[LedgerLine]:
    """Return the lines of the receivable, even on a wrong account."""
    receivable = expected.receivable
    on_account = [line for line in lines if line.account == receivable.account]
    revenue = {entry.account for entry in expected.counter_entries}
    others = [line for line in lines if line.account not in revenue and line.account not in VAT_ACCOUNTS]
    return on_account or [line for line in others if line.amount * receivable.amount > 0]


def _compare_amounts(
    expected: Voucher, owed: Sequence[LedgerLine], parts: Sequence[RevenuePart]
) -> Iterator[FieldDifference]:
    amount, actual = expected.receivable.amount, sum(line.amount for line in owed)
    revenue = -sum(part.amount for part in parts)
    if amount and actual == -amount == revenue:
        yield FieldDifference(ComparedField.SIGN, format_kroner(amount), format_kroner(actual))
    elif actual != amount:
        yield FieldDifference(ComparedField.AMOUNT, format_kroner(amount), format_kroner(actual))
    elif revenue != amount:
        yield FieldDifference(ComparedField.AMOUNT, format_kroner(amount), format_kroner(revenue))


def _compare_names(
    expected: Voucher, lines: Sequence[LedgerLine], owed: Sequence[LedgerLine]
) -> Iterator[FieldDifference]:
    receivable = expected.receivable
    accounts = {line.account for line in owed}
    if accounts != {receivable.account} and (accounts or receivable.amount):
        yield FieldDifference(ComparedField.ACCOUNT, str(receivable.account), _join(accounts))
    other_customers = {line.customer_number for line in lines} - {None, receivable.customer_number}
    if other_customers and receivable.customer_number != UNKNOWN:
        yield FieldDifference(ComparedField.CUSTOMER, str(receivable.customer_number), _join(other_customers))
    numbers, number = {line.invoice_number for line in lines} - {""}, str(expected.invoice_number)
    if numbers != {number}:
        yield FieldDifference(ComparedField.NUMBER, number, _join(numbers))
    days = sorted({line.day for line in lines} - {expected.day})
    if days:
        same_month = all((day.year, day.month) == (expected.day.year, expected.day.month) for day in days)
        field = ComparedField.DATE if same_month else ComparedField.MONTH
        yield FieldDifference(field, Day(expected.day), joined(*map(Day, days), between=", "))
    dues = sorted({line.due for line in owed if line.due} - {expected.due})
    if dues:
        due = Day(expected.due)
        yield FieldDifference(ComparedField.DUE, due, joined(*map(Day, dues), between=", "))
    departments = {line.department for line in lines} - {None, receivable.department}
    if departments and receivable.department:
        yield FieldDifference(ComparedField.DEPARTMENT, str(receivable.department), _join(departments))


def _compare_vat(expected: Voucher, lines: Sequence[LedgerLine]) -> Iterator[FieldDifference]:
    """Compare net revenue and VAT, which shows whether revenue contains VAT that was not split off."""
    off = differences(expected, lines)
    if off:
        moment = [_label(str(account or "27xx"), format_kroner(amount)) for account, amount, _ in off]
        ledger = [_label(str(account or "27xx"), format_kroner(amount)) for account, _, amount in off]
        yield FieldDifference(
            ComparedField.VAT_AMOUNT, joined(*moment, between=", "), joined(*ledger, between=", ")
        )


def _compare_parts(
    ours: list[RevenuePart], theirs: list[RevenuePart], *, exact: bool, slack: int | None
) -> Iterator[FieldDifference]:
    """Compare by account, then VAT and project on each; amounts only if the accounts agree."""

    def differ(
        field: ComparedField, key: Callable[[RevenuePart], Key], slack: int | None
    ) -> Iterator[FieldDifference]:
        one, other = _sums(ours, key), _sums(theirs, key)
        if not _sums_agree(one, other, slack=slack):
            show = _display if field is ComparedField.ACCOUNT else partial(_names, slack=slack)
            yield FieldDifference(field, show(one, other), show(other, one))

    allowed = slack if exact else None
    of_accounts = list(differ(ComparedField.ACCOUNT, lambda part: (str(part.account),), allowed))
    yield from of_accounts
    allowed = None if of_accounts else allowed
    on: Callable[[RevenuePart], Key] = (lambda _: ()) if of_accounts else (lambda part: (str(part.account),))
    yield from differ(ComparedField.VAT, lambda part: (*on(part), part.vat_code or NO_VAT_CODE), allowed)
    if not any(part.project == UNKNOWN for part in ours):
        yield from differ(ComparedField.PROJECT, lambda part: (*on(part), str(part.project or NOTHING)), allowed)


def _allowed_rounding(lines: Sequence[LedgerLine]) -> int | None:
    """Return how many øre a sum may differ; None if only its presence can be compared."""
    vat = {vat_code_of(line.vat_code) for line in lines if line.account in VAT_ACCOUNTS}
    codes = {vat_code_of(line.vat_code) for line in lines if line.account not in VAT_ACCOUNTS}
    if not vat:
        return 0
    return len(lines) if vat <= codes else None


def _sums_agree(one: Sums, other: Sums, *, slack: int | None) -> bool:
    if one.keys() != other.keys():
        return False
    return slack is None or all(abs(one[key] - other[key]) <= slack for key in one)


def _sums(parts: Iterable[RevenuePart], key: Callable[[RevenuePart], Key]) -> Sums:
    sums: dict[Key, int] = defaultdict(int)
    for part in parts:
        sums[key(part)] += part.amount
    return {key: amount for key, amount in sums.items() if amount}


def _display(sums: Sums, other: Sums) -> str:
    """Format the sums that the other side lacks; revenue has the sign of the ledger, negative in credit."""
    keys = [key for key in sorted(sums) if sums[key] != other.get(key)]
    shown = [_label("/".join(key), format_kroner(sums[key])) for key in keys]
    return joined(*shown, between=", ") or NOTHING


def _names(sums: Sums, other: Sums, *, slack: int | None) -> str:
    """Name the projects or VAT codes that differ, with account and amount only if both sides name the same."""

    def off(one: Sums, another: Sums) -> list[Key]:
        return [
            key
            for key in sorted(one)
            if not _sums_agree({key: one[key]}, {key: another[key]} if key in another else {}, slack=slack)
        ]

    names = {key[-1] for key in off(sums, other)}
    if names != {key[-1] for key in off(other, sums)}:
        return _join(names)
    shown = [
        Message(
            "{name} ({what})", {"name": key[-1], "what": joined(*key[:-1], format_kroner(sums[key]), between=": ")}
        )
        for key in off(sums, other)
    ]
    return joined(*shown, between=", ") or NOTHING


def _label(name: str, amount: Amount) -> Message:
    return joined(name, amount, between=": ")


def _join(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values))) or NOTHING


def vat_code_of(vat_code: str) -> str:
    """Return the code, empty for both ways in which no code is written."""
    return vat_code if is_vat_code(vat_code) else ""


def _parts(description: str) -> list[str]:
    """Split a description into its parts, because the lines that it comes from are in no particular order."""
    return sorted(description.split(", "))
