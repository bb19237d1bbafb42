"""A trial: what vouchers would become in Moment, and why the rest would not; nothing is written anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from i18n.messages import msg
from models.inbox.leases import SyncJob
from sync.engine.context import SyncContext
from sync.engine.outcomes import Success
from sync.errors import RejectedError
from sync.flows.expenses import Expenses, PreparedVoucher
from sync.polling.polls import changed_vouchers


@dataclass(frozen=True, slots=True)
class PlannedExpense:
    """An expense that would come, or what would not and why; ``amount`` is in øre including VAT."""

    title: str
    project: str = ""
    account: str = ""
    amount: int = 0
    files: int = 0
    why_not: str = ""


def preview(context: SyncContext, *, since: datetime, now: datetime) -> Iterator[PlannedExpense]:
    """Tell what would come of each voucher that has changed since an instant (UTC); the desk is only read from.

    Raises:
        UnavailableError: a system does not answer now.
        MisconfiguredError: the connection cannot work as it is set up.
    """
    flow = Expenses(context)
    slices = changed_vouchers(context.erp, context.settings, since=since, until=now)
    for voucher in dict.fromkeys(voucher for _, vouchers in slices for voucher in vouchers):
        try:
            yield from _planned(flow.prepare(SyncJob(0, voucher)))
        except RejectedError as error:
            yield PlannedExpense(error.title or voucher.name, why_not=error.message)


def _planned(prepared: PreparedVoucher | Success) -> Iterator[PlannedExpense]:
    if isinstance(prepared, Success):
        yield PlannedExpense(prepared.title, why_not=prepared.message)
        return
    title, files = prepared.title, len(prepared.files.approved)
    for key, draft in prepared.drafts.items():
        there = msg("It was brought before") if key in prepared.known else ""
        yield PlannedExpense(title, *_parts(key), draft.amount, files, there)
    for key in prepared.known.keys() - prepared.drafts.keys():
        yield PlannedExpense(title, *_parts(key), why_not=msg("It would be taken away"))
    for each in prepared.skipped:
        yield PlannedExpense(title, why_not=each.why)


def _parts(key: str) -> tuple[str, str]:
    """Tell project and account of our key of a cost."""
    _, project, account = key.split("/")
    return project, account
