"""What has been kept long enough is dropped, a slice at a time, so that the first time takes no lock for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, select

from models.tables import AlertRow, AttemptRow, AuditRow, ChangeRow
from models.words import Kind, State

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from models.base import Database

    Kept = type[AlertRow | AttemptRow | AuditRow | ChangeRow]

SLICE = 2000
"""Rows that are dropped in one transaction."""


def forget_attempts(database: Database, *, before: datetime) -> int:
    """Drop the attempts made before an instant (UTC) with what was said in them; how a change stands is kept."""
    return _drop(database, AttemptRow, AttemptRow.at < before)


def forget_alerts(database: Database, *, before: datetime) -> int:
    """Drop what was told in mails, or withdrawn, before an instant (UTC); what is still to be told is kept."""
    return _drop(database, AlertRow, AlertRow.ended_at < before)


def forget_audit(database: Database, *, before: datetime) -> int:
    """Drop who did what before an instant (UTC)."""
    return _drop(database, AuditRow, AuditRow.at < before)


def forget_settled(database: Database, *, before: datetime) -> int:
    """Drop the changes that were settled before an instant (UTC) and of which nothing was heard since.

    Their links stay, so that a record that changes again is known. One that a person did something about is kept
    as long as that is, and one that a person closed is kept for good. So is one that a lost call may have
    saved, as it has no link.
    """
    of_any_kind = ChangeRow.kind.in_(list(Kind))  # as the index wants it
    old = and_(of_any_kind, ~ChangeRow.uncertain, ChangeRow.received_at < before, ChangeRow.settled_at < before)
    touched = exists(select(AuditRow.id).where(AuditRow.change_id == ChangeRow.id))
    return _drop(database, ChangeRow, and_(ChangeRow.state == State.SETTLED, old, ~touched))


def _drop(database: Database, table: Kept, old: ColumnElement[bool]) -> int:
    """Drop rows until there are no more, and tell how many; one somebody writes to is left to the next time."""
    ids, dropped, last = select(table.id).where(old).limit(SLICE), 0, SLICE
    while last == SLICE:
        with database.transaction() as session:
            found = session.scalars(ids.with_for_update(skip_locked=True)).all()
            session.execute(delete(table).where(table.id.in_(found)))
        last = len(found)
        dropped += last
    return dropped
