"""Where an expense in Moment is not what the ledger makes of it: point by point and right to the øre."""

from collections.abc import Callable, Iterator
from datetime import date

from sync.money import NOK, format_kroner
from sync.reconciliation.voucher_differences import NOTHING, ComparedField, FieldDifference, written
from sync.records import ExistingExpense, ExpenseDraft


def compare_expense(
    draft: ExpenseDraft, held: ExistingExpense, *, project: Callable[[], FieldDifference], nameless: bool
) -> Iterator[FieldDifference]:
    """Tell what is another, but activity and billing: once an expense is there, the project decides of those.

    ``project`` says what is told where the project is another. Of a supplier who is ``nameless``, as only the
    register may name it (S7), nothing is said, nor of a description that may be made of that name.
    """
    currency = "" if held.currency == NOK else f" {held.currency}"
    if held.amount != draft.amount or currency:
        yield FieldDifference(
            ComparedField.AMOUNT, format_kroner(held.amount) + currency, format_kroner(draft.amount)
        )
    if held.day != draft.day:
        yield FieldDifference(ComparedField.DATE, day_or_nothing(held.day), written(draft.day))
    if held.project_id != draft.project_id:
        yield project()
    if held.invoice_number != draft.invoice_number:
        yield FieldDifference(
            ComparedField.NUMBER, held.invoice_number or NOTHING, draft.invoice_number or NOTHING
        )
    if nameless:
        return
    if held.supplier != draft.supplier:
        yield FieldDifference(ComparedField.SUPPLIER, held.supplier or NOTHING, draft.supplier or NOTHING)
    if _parts(held.description) != _parts(draft.description):
        yield FieldDifference(ComparedField.DESCRIPTION, held.description or NOTHING, draft.description)


def day_or_nothing(day: date | None) -> str:
    """Write a day as :func:`~sync.reconciliation.voucher_differences.written` does, where there is one."""
    return written(day) if day else NOTHING


def _parts(description: str) -> list[str]:
    """Take a description apart, as the lines that it is made of come in any order."""
    return sorted(description.split(", "))
