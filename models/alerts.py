"""Alerts: what each address is to be told, kept until the mail that tells it has been sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from models.tables import AlertRow, ConnectionRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from models.base import Database


class Turn(StrEnum):
    """Which way something turned, or that a turn for the worse has not been mended yet, or how a week went."""

    WORSE = "worse"
    BETTER = "better"
    REMINDER = "reminder"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told: ``title`` names the record or connection, ``message`` what is wrong, ``remedy`` what to do."""

    turn: Turn
    title: str
    message: str
    remedy: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsent:
    """An alert that waits for its mail; ``change_id`` is None where it is about the whole connection."""

    id: int
    connection_id: int
    connection: str
    change_id: int | None
    turn: Turn
    title: str
    message: str
    remedy: str
    at: datetime


def queue(session: Session, connection_id: int, alert: Alert, *, change_id: int | None, now: datetime) -> None:
    """Put an alert beside whatever else the transaction writes, once for each address."""
    session.add_all(
        AlertRow(
            connection_id=connection_id,
            change_id=change_id,
            address=address,
            turn=alert.turn,
            title=alert.title,
            message=alert.message,
            remedy=alert.remedy,
            created_at=now,
        )
        for address in alert.addresses
    )


def raise_alert(database: Database, connection_id: int, alert: Alert, *, now: datetime) -> None:
    """Queue an alert about a connection as a whole."""
    with database.transaction() as session:
        queue(session, connection_id, alert, change_id=None, now=now)


def addresses_due(database: Database, *, now: datetime, pause: timedelta) -> Sequence[str]:
    """Tell the addresses with something unsent that have had no mail for ``pause``."""
    last = func.max(AlertRow.sent_at)
    with database.transaction() as session:
        query = select(AlertRow.address).group_by(AlertRow.address).order_by(func.min(AlertRow.created_at))
        waiting = func.count().filter(AlertRow.sent_at.is_(None)) > 0
        return session.scalars(query.having(waiting, func.coalesce(last <= now - pause, True))).all()


def unsent(database: Database, address: str) -> Sequence[Unsent]:
    """Tell what waits for this address, oldest first."""
    query = (
        select(AlertRow, ConnectionRow.name)
        .join(ConnectionRow, ConnectionRow.id == AlertRow.connection_id)
        .where(AlertRow.address == address, AlertRow.sent_at.is_(None))
        .order_by(AlertRow.id)
    )
    with database.transaction() as session:
        return [_unsent(row, name) for row, name in session.execute(query)]


def mark_sent(database: Database, alerts: Sequence[Unsent], *, message_id: str, now: datetime) -> None:
    """Record that a mail with these alerts was sent."""
    ids = [alert.id for alert in alerts]
    with database.transaction() as session:
        session.execute(update(AlertRow).where(AlertRow.id.in_(ids)).values(sent_at=now, message_id=message_id))


def _unsent(row: AlertRow, name: str) -> Unsent:
    told = (Turn(row.turn), row.title, row.message, row.remedy, row.created_at)
    return Unsent(row.id, row.connection_id, name, row.change_id, *told)
