"""Doubts: after a backup was restored, what a lane receives may have come across since the backup was made.

The links of those days are lost. So a lane that was restored doubts what it receives until a poll has caught up
with them: each such change is uncertain from the start, and looked for in the other system before it is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, and_, delete, exists, func, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from language.said import say
from models.locking import locked
from models.people import SessionRow
from models.tables import AlertRow, AuditRow, Base, ChangeRow, ConnectionRow, CursorRow
from models.words import Kind, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select
    from sqlalchemy.orm import Session

    from models.base import Database

LEAP = 1_000_000
"""Numbers that are left out after a restore: mails sent since the backup name changes and themselves by some."""


class DoubtRow(Base):
    """This lane was restored at ``since``: what it receives is in doubt while its cursor is not past that instant.

    The row stays: what another record needs may have come across in those days without being polled again.
    """

    __tablename__ = "doubts"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]


def over(
    connection_id: int | ColumnElement[int],
    kind: Kind | ColumnElement[str],
    *,
    needed: bool,
    doubtful: bool = False,
) -> ColumnElement[bool]:
    """Say in SQL whether a record that a lane receives may have come across already.

    One that is ``needed`` by another record is in doubt for good, as it may never be polled; one is ``doubtful``
    where whoever received it says so.
    """
    if doubtful:
        return true()
    query = select(DoubtRow.kind).where(DoubtRow.connection_id == connection_id, DoubtRow.kind == kind)
    if not needed:
        behind = select(CursorRow.kind).where(
            CursorRow.connection_id == DoubtRow.connection_id,
            CursorRow.kind == DoubtRow.kind,
            CursorRow.position > DoubtRow.since,
        )
        query = query.where(~exists(behind))
    return exists(query)


def weighed(
    connection: Connection, rows: Sequence[Mapping[str, Any]], *, needed: bool, doubtful: bool = False
) -> list[dict[str, Any]]:
    """Tell of each of many new changes of a connection whether it is ``uncertain``: one question for each kind."""
    lanes = {(row["connection_id"], row["kind"]) for row in rows}
    answers = {lane: connection.scalar(select(over(*lane, needed=needed, doubtful=doubtful))) for lane in lanes}
    return [{**row, "uncertain": answers[row["connection_id"], row["kind"]]} for row in rows]


def restored(
    database: Database,
    *,
    connection_ids: Collection[int] | None,
    since: datetime | None,
    who: str,
    now: datetime,
) -> int:
    """Note that the database, or only what it knows of some connections, was restored from a backup.

    Args:
        database: the one that was restored.
        connection_ids: which; None for all, and then everybody is signed out and new mails get new numbers.
        since: from when on (UTC) the sources are asked again; None where the backup itself left off.
        who: says so.
        now: the instant, in UTC.

    Returns:
        How many changes that were not settled in the backup are looked for before they are sent.
    """
    with database.transaction() as session:
        ours = ConnectionRow.id.in_(connection_ids) if connection_ids is not None else true()
        found = session.scalars(_connections(ours)).all()
        lanes = [{"connection_id": number, "kind": kind} for number in found for kind in Kind]
        _doubt(session, lanes, now=now)
        if since:
            _set_back(session, lanes, since=since, start=connection_ids is not None)
        if connection_ids is None:
            _part_from_the_past(session)
        unsettled = and_(ChangeRow.connection_id.in_(found), ChangeRow.state != State.SETTLED)
        marked = session.scalars(locked(select(ChangeRow.id).where(unsettled))).all()
        session.execute(update(ChangeRow).where(ChangeRow.id.in_(marked)).values(uncertain=True))
        session.add(AuditRow(at=now, who=who, what=say("told the bridge that a backup was restored")))
    return len(marked)


def _connections(which: ColumnElement[bool]) -> Select[int]:
    """Lock connections, the first in the order of locks."""
    return select(ConnectionRow.id).where(which).order_by(ConnectionRow.id).with_for_update(key_share=True)


def _doubt(session: Session, lanes: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    if lanes:
        row = insert(DoubtRow).values([{**lane, "since": now} for lane in lanes])
        key = ("connection_id", "kind")
        session.execute(row.on_conflict_do_update(index_elements=key, set_={"since": now}))


def _set_back(session: Session, lanes: Sequence[Mapping[str, Any]], *, since: datetime, start: bool) -> None:
    """Have lanes polled from ``since`` on, and where asked to ``start`` also those that never were."""
    key = ("connection_id", "kind")
    which = tuple_(CursorRow.connection_id, CursorRow.kind).in_([tuple(lane.values()) for lane in lanes])
    position = func.least(CursorRow.position, since)
    session.execute(update(CursorRow).where(which).values(position=position))
    if start and lanes:
        rows = insert(CursorRow).values([{**lane, "position": since} for lane in lanes])
        session.execute(rows.on_conflict_do_nothing(index_elements=key))


def _part_from_the_past(session: Session) -> None:
    """Let nothing of what was in the world since the backup be taken for what is to come.

    Who had signed out would be signed in again, and a new mail or change would bear the number of another one.
    """
    session.execute(delete(SessionRow))
    for table in (ChangeRow.__tablename__, AlertRow.__tablename__):
        numbers = func.pg_get_serial_sequence(table, "id")
        session.execute(select(func.setval(numbers, func.nextval(numbers) + LEAP)))
