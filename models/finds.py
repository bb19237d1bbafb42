"""Finds: changes of Moment that a poll was the first to tell of, and how far the nightly polls have looked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from models.tables import AttemptRow, Base, ChangeRow
from models.words import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.words import Lane

UNDER_WAY = timedelta(minutes=1)
"""How long a notification may be under way, so that a poll is ahead of it, and how far clocks may differ."""

WEEK = timedelta(days=7)

CAME_OF_IT = (Outcome.SYNCED, Outcome.FAILED)
"""Outcomes of a find that was worth telling of: of the others, such as an echo of our own, nothing was missed."""


class FindRow(Base):
    """A poll was the first to tell of what was modified then in this record of Moment."""

    __tablename__ = "finds"
    __table_args__ = (Index("finds_found", "found_at"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    modified_at: Mapped[datetime] = mapped_column(primary_key=True)
    found_at: Mapped[datetime]


class NightRow(Base):
    """Up to when the nightly polls of a lane have looked."""

    __tablename__ = "nights"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Modified:
    """A record of Moment and when it was modified last (UTC), None where Moment does not tell."""

    id: str
    at: datetime | None = None


def untold(database: Database, lane: Lane, listed: Sequence[Modified]) -> Sequence[Modified]:
    """Choose those of a lane's records of which nothing was received since they were modified."""
    query = select(ChangeRow.record_id, ChangeRow.received_at).where(
        ChangeRow.connection_id == lane.connection_id,
        ChangeRow.kind == lane.kind,
        ChangeRow.record_id.in_([each.id for each in listed]),
    )
    with database.statement() as connection:
        received = {row.record_id: row.received_at for row in connection.execute(query)}
    return [
        each for each in listed if each.at and (each.id not in received or received[each.id] < each.at - UNDER_WAY)
    ]


def note(database: Database, lane: Lane, found: Iterable[Modified], *, now: datetime) -> None:
    """Write down what a poll was the first to tell of; once for each modification."""
    rows = [{**_key(lane), "record_id": each.id, "modified_at": each.at, "found_at": now} for each in found]
    if rows:
        with database.statement() as connection:
            connection.execute(insert(FindRow).values(rows).on_conflict_do_nothing())


def withdraw(database: Database, lane: Lane, *, found_at: datetime) -> None:
    """Take back what the poll of that instant was only just ahead with: the notification has come after it."""
    told = select(ChangeRow.id).where(
        _same_record(),
        ChangeRow.received_at > FindRow.found_at,
        FindRow.found_at - FindRow.modified_at < UNDER_WAY,
    )
    ours = and_(FindRow.connection_id == lane.connection_id, FindRow.kind == lane.kind)
    with database.statement() as connection:
        connection.execute(delete(FindRow).where(ours, FindRow.found_at == found_at, told.exists()))


def count(database: Database, connection_id: int, *, now: datetime) -> Mapping[Kind, int]:
    """Tell of how many changes no notification told in the last seven days, where something came of the find."""
    with database.transaction() as session:
        return in_week(session, connection_id, now=now)


def in_week(session: Session, connection_id: int, *, now: datetime) -> Mapping[Kind, int]:
    """Tell the same in a transaction."""
    first_look = (
        select(AttemptRow.outcome)
        .join(ChangeRow, ChangeRow.id == AttemptRow.change_id)
        .where(_same_record(), AttemptRow.at >= FindRow.found_at)
        .order_by(AttemptRow.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(FindRow.kind, func.count())
        .where(FindRow.connection_id == connection_id, FindRow.found_at > now - WEEK, first_look.in_(CAME_OF_IT))
        .group_by(FindRow.kind)
    )
    return {Kind(kind): number for kind, number in session.execute(query)}


def forget(database: Database, *, before: datetime) -> None:
    """Drop what was found before an instant (UTC)."""
    with database.transaction() as session:
        session.execute(delete(FindRow).where(FindRow.found_at < before))


def night(database: Database, lane: Lane, *, at: datetime) -> datetime:
    """Tell up to when (UTC) the nightly polls have looked; before the first one it is ``at``, and stays so."""
    query = select(NightRow.position).where(
        NightRow.connection_id == lane.connection_id, NightRow.kind == lane.kind
    )
    with database.transaction() as session:
        session.execute(insert(NightRow).values(**_key(lane), position=at).on_conflict_do_nothing())
        return session.scalar(query) or at


def night_over(database: Database, lane: Lane, *, now: datetime) -> None:
    """Note that a nightly poll has been through."""
    row = insert(NightRow).values(**_key(lane), position=now)
    moved = row.on_conflict_do_update(index_elements=["connection_id", "kind"], set_={"position": now})
    with database.statement() as connection:
        connection.execute(moved)


def _key(lane: Lane) -> dict[str, object]:
    return {"connection_id": lane.connection_id, "kind": lane.kind}


def _same_record() -> ColumnElement[bool]:
    return and_(
        ChangeRow.connection_id == FindRow.connection_id,
        ChangeRow.kind == FindRow.kind,
        ChangeRow.record_id == FindRow.record_id,
    )
