"""Alerts: what each address is to be told, and what became of telling it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select, update

from language.catalogue import Language
from models.tables import AlertRow, ChangeRow, ConnectionRow
from models.words import Kind, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from models.base import Database


class Turn(StrEnum):
    """What has happened, the most urgent first.

    ``WORSE``, ``REMINDER`` and ``BETTER`` are about a record: it needs a person, needs one still, does no more.
    ``PAUSED``, ``DOWN``, ``SHORT`` and ``UP`` are about a connection: its settings must be mended, its systems do
    not answer, their requests are used up, it works again. ``DIGEST`` tells of its week, ``BOOKS`` whether the
    books of its month agree.
    """

    PAUSED = "paused"
    WORSE = "worse"
    REMINDER = "reminder"
    DOWN = "down"
    SHORT = "short"
    UP = "up"
    BETTER = "better"
    BOOKS = "books"
    DIGEST = "digest"


class Fate(StrEnum):
    """How an alert ended: in a mail, refused for good by the mail server, or no news any more."""

    SENT = "sent"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told: ``title`` names the record or connection, ``message`` what is wrong, ``remedy`` what to do.

    ``reason`` is the short name under which the cause is explained; empty where nothing is wrong.
    """

    turn: Turn
    title: str
    message: str
    remedy: str
    addresses: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unsent:
    """An alert that waits for its mail, in the language of its connection's mails; instants in UTC.

    ``change_id`` and ``kind`` are None where it is about the whole connection, and ``since`` where its record
    needs nobody by now.
    """

    id: int
    connection_id: int
    connection: str
    change_id: int | None
    turn: Turn
    title: str
    message: str
    remedy: str
    at: datetime
    kind: Kind | None = None
    since: datetime | None = None
    reason: str = ""
    language: Language = Language.NORWEGIAN


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
            reason=alert.reason,
            created_at=now,
        )
        for address in alert.addresses
    )


def raise_alert(database: Database, connection_id: int, alert: Alert, *, now: datetime) -> None:
    """Queue an alert about a connection as a whole."""
    with database.transaction() as session:
        queue(session, connection_id, alert, change_id=None, now=now)


def addresses_due(database: Database, *, now: datetime, pause: timedelta) -> Sequence[str]:
    """Tell the addresses with something unsent to which no mail was sent for ``pause``, nor refused."""
    lately = select(AlertRow.address).where(AlertRow.ended_at > now - pause, AlertRow.fate != Fate.WITHDRAWN)
    query = (
        select(AlertRow.address)
        .where(AlertRow.ended_at.is_(None), AlertRow.address.not_in(lately))
        .group_by(AlertRow.address)
        .order_by(func.min(AlertRow.id))
    )
    with database.transaction() as session:
        return session.scalars(query).all()


def unsent(database: Database, address: str) -> Sequence[Unsent]:
    """Tell what waits for this address, oldest first."""
    since = case((ChangeRow.state == State.CLOSED, None), else_=ChangeRow.stuck_since)
    query = (
        select(AlertRow, ConnectionRow.name, ConnectionRow.settings, ChangeRow.kind, since)
        .join(ConnectionRow, ConnectionRow.id == AlertRow.connection_id)
        .outerjoin(ChangeRow, ChangeRow.id == AlertRow.change_id)
        .where(AlertRow.address == address, AlertRow.ended_at.is_(None))
        .order_by(AlertRow.id)
    )
    with database.transaction() as session:
        return [_unsent(*row) for row in session.execute(query)]


def conclude(database: Database, fates: Mapping[int, Fate], *, message_id: str, now: datetime) -> None:
    """Write down how these alerts, by their ids, ended; ``message_id`` names the mail of those not withdrawn."""
    with database.transaction() as session:
        for fate in Fate:
            ended = AlertRow.id.in_([alert_id for alert_id, its in fates.items() if its is fate])
            mail = None if fate is Fate.WITHDRAWN else message_id
            session.execute(update(AlertRow).where(ended).values(fate=fate, ended_at=now, message_id=mail))


def _unsent(
    row: AlertRow, connection: str, settings: Mapping[str, Any], kind: str | None, since: datetime | None
) -> Unsent:
    return Unsent(
        id=row.id,
        connection_id=row.connection_id,
        connection=connection,
        change_id=row.change_id,
        turn=Turn(row.turn),
        title=row.title,
        message=row.message,
        remedy=row.remedy,
        at=row.created_at,
        kind=Kind(kind) if kind else None,
        since=since,
        reason=row.reason,
        language=Language(settings.get("language", Language.NORWEGIAN)),
    )
