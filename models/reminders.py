"""Reminders of what still needs a person, and the digest of a week for those who want one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select

from language.said import Said, say
from models import finds
from models.alerts import Alert, Turn, queue
from models.tables import AttemptRow, ChangeRow, ConnectionRow
from models.words import Kind, Outcome, Record, State

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from models.base import Database

REMINDED_AFTER = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
"""How long after a change began to need a person each reminder of it is sent."""

WEEK = timedelta(days=7)


def remind(database: Database, *, now: datetime) -> int:
    """Queue the reminders that are due, and tell how many changes they are about."""
    lengths = enumerate(REMINDED_AFTER)
    due = case(*((ChangeRow.reminders == n, ChangeRow.stuck_since + after) for n, after in lengths), else_=None)
    query = (
        select(ChangeRow, ConnectionRow)
        .join(ConnectionRow, ConnectionRow.id == ChangeRow.connection_id)
        .where(ChangeRow.state == State.STUCK, due <= now)
        .with_for_update(of=ChangeRow, skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.execute(query).all()
        for change, connection in rows:
            change.reminders += 1
            title = change.title or Record(Kind(change.kind), change.record_id).name
            addresses = _addresses(connection)
            alert = Alert(Turn.REMINDER, title, change.message, change.remedy, addresses, change.reason)
            queue(session, connection.id, alert, change_id=change.id, now=now)
    return len(rows)


def digest(database: Database, *, now: datetime) -> int:
    """Queue the digest of the last seven days for each connection that wants one and had none in that time."""
    wanted = ConnectionRow.settings["weekly_digest"].as_boolean()
    last = func.coalesce(ConnectionRow.digest_at, ConnectionRow.created_at)
    query = (
        select(ConnectionRow).where(wanted, last <= now - WEEK).with_for_update(skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.scalars(query).all()
        for connection in rows:
            connection.digest_at = now
            title = say("The week at {connection}", connection=connection.name)
            told = Alert(Turn.DIGEST, title, _week(session, connection.id, now), "", _addresses(connection))
            queue(session, connection.id, told, change_id=None, now=now)
    return len(rows)


def _week(session: Session, connection_id: int, now: datetime) -> Said:
    came = (
        select(ChangeRow.kind, func.count(func.distinct(ChangeRow.id)))
        .join(AttemptRow, AttemptRow.change_id == ChangeRow.id)
        .where(ChangeRow.connection_id == connection_id, AttemptRow.at > now - WEEK)
        .where(AttemptRow.outcome == Outcome.SYNCED)
        .group_by(ChangeRow.kind)
    )
    stuck = select(func.count()).where(ChangeRow.connection_id == connection_id, ChangeRow.state == State.STUCK)
    counts = {Kind(kind): count for kind, count in session.execute(came)}
    week = say(
        "Came across: customers {customers}, projects {projects}, invoices {invoices}, vouchers with costs "
        "{expenses}. Records that need a person: {waiting}.",
        customers=counts.get(Kind.CUSTOMER, 0),
        projects=counts.get(Kind.PROJECT, 0),
        invoices=counts.get(Kind.INVOICE, 0),
        expenses=counts.get(Kind.EXPENSE, 0),
        waiting=session.scalar(stuck),
    )
    missed = sum(finds.in_week(session, connection_id, now=now).values())
    if not missed:
        return week
    return say(
        "{week} Changes that a poll found, since Moment had sent no notification of them: {missed}.",
        week=week,
        missed=missed,
    )


def _addresses(connection: ConnectionRow) -> tuple[str, ...]:
    return tuple(connection.settings["error_emails"])
