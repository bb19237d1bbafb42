"""Changes as a person sees them: lists, one with its attempts, and what a person may do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, select, update

from models.tables import AttemptRow, AuditRow, ChangeRow, ConnectionRow
from models.words import Kind, Lane, Outcome, Record, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from models.base import Database


UNSEEN = "unseen_draft"
"""Reason of a change that may be in the journal, where only a person can look: they have, when they retry it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when (UTC), how long in seconds, how it ended, and each call: operation, request and response."""

    at: datetime
    seconds: float
    outcome: Outcome
    reason: str
    message: str
    exchanges: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change as it stands; instants in UTC. ``title`` names the record as a person does, once it was read."""

    id: int
    connection_id: int
    connection: str
    record: Record
    state: State
    title: str
    outcome: Outcome | None
    reason: str
    message: str
    remedy: str
    tries: int
    due_at: datetime
    received_at: datetime
    settled_at: datetime | None


def listing(
    database: Database,
    *,
    connection_id: int | None = None,
    state: State | None = None,
    reason: str = "",
    most: int = 100,
) -> Sequence[ChangeView]:
    """List changes, the latest received first."""
    wanted = [
        *([ChangeRow.connection_id == connection_id] if connection_id else []),
        *([ChangeRow.state == state] if state else []),
        *([ChangeRow.reason == reason] if reason else []),
    ]
    return _views(database, *wanted, most=most)


def find(database: Database, connection_id: int, record: Record) -> ChangeView | None:
    """Find the change of a record."""
    of_record = (ChangeRow.kind == record.kind, ChangeRow.record_id == record.id)
    return next(iter(_views(database, ChangeRow.connection_id == connection_id, *of_record, most=1)), None)


def show(database: Database, change_id: int) -> ChangeView | None:
    """Read one change."""
    return next(iter(_views(database, ChangeRow.id == change_id, most=1)), None)


def attempts(database: Database, change_id: int) -> Sequence[Attempt]:
    """Read the attempts of a change, oldest first."""
    query = select(AttemptRow).where(AttemptRow.change_id == change_id).order_by(AttemptRow.id)
    with database.transaction() as session:
        return [
            Attempt(row.at, row.seconds, Outcome(row.outcome), row.reason, row.message, row.exchanges)
            for row in session.scalars(query)
        ]


def retry(database: Database, *change_ids: int, now: datetime) -> set[Lane]:
    """Make changes due that wait, need a person or were closed; tells the lanes to nudge. The others stay."""
    idle = ChangeRow.state.in_([State.WAITING, State.STUCK, State.CLOSED])
    statement = update(ChangeRow).where(ChangeRow.id.in_(change_ids), idle)
    looked_for = case((ChangeRow.reason == UNSEEN, False), else_=ChangeRow.uncertain)
    statement = statement.values(state=State.WAITING, due_at=now, tries=0, lost=0, uncertain=looked_for)
    with database.transaction() as session:
        rows = session.execute(statement.returning(ChangeRow.connection_id, ChangeRow.kind))
        return {Lane(connection_id, Kind(kind)) for connection_id, kind in rows}


def close(database: Database, *change_ids: int, because: str, who: str, now: datetime) -> int:
    """Take changes off the list by a person's word, for good: they stay as they are whatever is received.

    Args:
        database: where they are.
        change_ids: those that wait or need a person; others are left alone.
        because: what the person says of them, such as "do not transfer" or "handled by hand".
        who: the person.
        now: the instant, in UTC.

    Returns:
        How many were closed.
    """
    idle = ChangeRow.state.in_([State.WAITING, State.STUCK])
    statement = update(ChangeRow).where(ChangeRow.id.in_(change_ids), idle)
    closed = {"outcome": Outcome.SKIPPED, "reason": "closed", "message": f"{because} ({who})", "remedy": ""}
    statement = statement.values(
        state=State.CLOSED, alerted=False, stuck_since=None, reminders=0, settled_at=now, **closed
    )
    with database.transaction() as session:
        rows = session.execute(statement.returning(ChangeRow.connection_id, ChangeRow.kind, ChangeRow.record_id))
        told = [
            AuditRow(connection_id=connection_id, at=now, who=who, what=f"{because}: {kind} {record_id}")
            for connection_id, kind, record_id in rows
        ]
        session.add_all(told)
    return len(told)


def forget_attempts(database: Database, *, before: datetime) -> None:
    """Drop the attempts made before an instant (UTC); how each change stands is kept."""
    with database.transaction() as session:
        session.execute(delete(AttemptRow).where(AttemptRow.at < before))


def _views(database: Database, *wanted: ColumnElement[bool], most: int) -> Sequence[ChangeView]:
    query = select(ChangeRow, ConnectionRow.name).join(ConnectionRow, ConnectionRow.id == ChangeRow.connection_id)
    query = query.where(*wanted).order_by(ChangeRow.received_at.desc(), ChangeRow.id.desc()).limit(most)
    with database.transaction() as session:
        return [_view(row, name) for row, name in session.execute(query)]


def _view(row: ChangeRow, connection: str) -> ChangeView:
    return ChangeView(
        id=row.id,
        connection_id=row.connection_id,
        connection=connection,
        record=Record(Kind(row.kind), row.record_id),
        state=State(row.state),
        title=row.title or f"{row.kind.capitalize()} {row.record_id}",
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        message=row.message,
        remedy=row.remedy,
        tries=row.tries,
        due_at=row.due_at,
        received_at=row.received_at,
        settled_at=row.settled_at,
    )
