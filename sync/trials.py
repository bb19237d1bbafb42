"""A trial: what vouchers would become in Moment, and why the rest would not; nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from language.said import say
from models.inbox import Change
from sync.errors import Rejected
from sync.flows.expenses import Expenses
from sync.outcomes import Done
from sync.polling import changed_vouchers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sync.desk import Desk
    from sync.flows.expenses import Work


@dataclass(frozen=True, slots=True)
class Prospect:
    """An expense that would come, or what would not and why; ``amount`` is in øre including VAT."""

    title: str
    project: str = ""
    account: str = ""
    amount: int = 0
    files: int = 0
    why_not: str = ""


def try_out(desk: Desk, *, since: datetime, now: datetime) -> Iterator[Prospect]:
    """Tell what would come of each voucher that has changed since an instant (UTC); the desk is only read from.

    Raises:
        Unavailable: a system does not answer now.
        Misconfigured: the connection cannot work as it is set up.
    """
    flow = Expenses(desk)
    slices = changed_vouchers(desk.erp, desk.settings, since=since, until=now)
    for voucher in dict.fromkeys(voucher for _, vouchers in slices for voucher in vouchers):
        try:
            yield from _prospects(flow.prepare(Change(0, voucher)))
        except Rejected as error:
            yield Prospect(error.title or voucher.name, why_not=error.message)


def _prospects(prepared: Work | Done) -> Iterator[Prospect]:
    if isinstance(prepared, Done):
        yield Prospect(prepared.title, why_not=prepared.message)
        return
    title, files = prepared.title, len(prepared.files.approved)
    for key, draft in prepared.drafts.items():
        there = say("It was brought before") if key in prepared.known else ""
        yield Prospect(title, *_parts(key), draft.amount, files, there)
    for key in prepared.known.keys() - prepared.drafts.keys():
        yield Prospect(title, *_parts(key), why_not=say("It would be taken away"))
    for each in prepared.left_alone:
        yield Prospect(title, why_not=each.why)


def _parts(key: str) -> tuple[str, str]:
    """Tell project and account of our key of a cost."""
    _, project, account = key.split("/")
    return project, account
