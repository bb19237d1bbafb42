"""Previews of a backfill or an import: the data of all previews, and the preview of expenses."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from enum import StrEnum

from i18n.messages import msg
from models.enums import Record
from models.inbox.leases import SyncJob
from sync.engine.context import SyncContext
from sync.engine.outcomes import Success
from sync.errors import RejectedError
from sync.flows.expenses import Expenses
from sync.polling.polls import changed_vouchers
from sync.records import Voucher

NO_NUMBER = 0
"""The number, in a preview, of a customer that has not been synced."""


class PlannedAction(StrEnum):
    """The action planned for a record.

    `linked`: none, as it is already linked. `link`: link it to a record in the other system. `ask`: ask a person
    which record it matches. `sync`: create it in the other system. `reject`: none, as it cannot be synced until a
    person corrects it. `skip`: none, as it must not be synced. `remove`: remove its expense from Moment.
    """

    LINKED = "linked"
    LINK = "link"
    ASK = "ask"
    SYNC = "sync"
    REJECT = "reject"
    SKIP = "skip"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """A record (for an expense, its voucher), the action planned for it, and why.

    ``remote_id`` is what it is or would be linked to: a number, a voucher such as "2026/17", or our key of an
    expense. ``voucher`` and ``customer`` are an invoice's. ``amount`` is an expense's, in øre including VAT, with
    its ``files``.
    """

    record: Record
    action: PlannedAction
    title: str = ""
    _: KW_ONLY
    remote_id: str = ""
    why: str = ""
    voucher: Voucher | None = None
    customer: str = ""
    amount: int = 0
    files: int = 0


def preview_expenses(context: SyncContext, *, since: datetime, now: datetime) -> Iterator[PlannedRecord]:
    """Return the plan for each voucher that has changed since an instant (UTC); nothing is written."""
    flow = Expenses(context)
    periods = changed_vouchers(context.erp, context.settings, since=since, until=now)
    for voucher in dict.fromkeys(voucher for _, vouchers in periods for voucher in vouchers):
        try:
            yield from _planned(flow, voucher)
        except RejectedError as error:
            title = error.title or voucher.name
            yield PlannedRecord(voucher, PlannedAction.REJECT, title, why=error.message)


def _planned(flow: Expenses, voucher: Record) -> Iterator[PlannedRecord]:
    prepared = flow.prepare(SyncJob(0, voucher))
    skipped = PlannedRecord(voucher, PlannedAction.SKIP, prepared.title)
    if isinstance(prepared, Success):
        yield replace(skipped, why=prepared.message)
        return
    for key, draft in prepared.drafts.items():
        expense = replace(skipped, remote_id=key, amount=draft.amount, files=len(prepared.files.approved))
        if key in prepared.existing:
            yield replace(expense, action=PlannedAction.LINKED, why=msg("Already imported"))
        else:
            yield replace(expense, action=PlannedAction.SYNC)
    for key in prepared.kept:
        yield replace(skipped, remote_id=key, why=msg("Already imported; stays"))
    for key in prepared.existing.keys() - prepared.drafts.keys() - set(prepared.kept):
        yield replace(skipped, action=PlannedAction.REMOVE, remote_id=key, why=msg("It would be removed"))
    for line in prepared.skipped:
        yield replace(skipped, why=line.why)


def refuse_writes() -> None:
    """Raise instead of renewing a lease, so that a preview cannot write."""
    raise PermissionError("A preview writes nothing.")
