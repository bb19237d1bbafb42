"""Changes that wait for another record: woken when it has come across."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, select, tuple_, update

from models.locking import locked
from models.tables import ChangeRow, LinkRow
from models.words import Kind, Lane, Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.dml import ReturningUpdate

    from models.base import Database


def wake(database: Database, connection_id: int, records: Iterable[Record], *, now: datetime) -> set[Lane]:
    """Make due what waits for these records, which have come across; tells the lanes to nudge."""
    across = [(record.kind, record.id) for record in records]
    if not across:
        return set()
    waits = and_(
        ChangeRow.connection_id == connection_id,
        tuple_(ChangeRow.waits_for_kind, ChangeRow.waits_for_id).in_(across),
        ChangeRow.state == State.WAITING,
    )
    with database.statement() as connection:
        return {Lane(connection_id, Kind(kind)) for kind in connection.scalars(_wake(waits, now=now))}


def wake_arrived(database: Database, *, now: datetime) -> None:
    """Make due what waits for a record that has come across, should nobody have woken it."""
    arrived = exists().where(
        LinkRow.connection_id == ChangeRow.connection_id,
        LinkRow.kind == ChangeRow.waits_for_kind,
        LinkRow.moment_id == ChangeRow.waits_for_id,
    )
    waits = and_(ChangeRow.waits_for_kind.is_not(None), ChangeRow.state == State.WAITING)
    with database.transaction() as session:
        session.execute(_wake(and_(waits, arrived), now=now))


def in_lane(database: Database, lane: Lane) -> int:
    """Count the changes of a lane that are still to come across, those included that need a person."""
    query = select(func.count()).where(
        ChangeRow.connection_id == lane.connection_id,
        ChangeRow.kind == lane.kind,
        ChangeRow.state.in_([State.WAITING, State.WORKING, State.STUCK]),
    )
    with database.transaction() as session:
        return session.scalar(query) or 0


def states(database: Database, lane: Lane, record_ids: Sequence[str]) -> dict[str, State]:
    """Tell how those of a lane's records stand of which the inbox knows, by their ids."""
    query = select(ChangeRow.record_id, ChangeRow.state).where(
        ChangeRow.connection_id == lane.connection_id,
        ChangeRow.kind == lane.kind,
        ChangeRow.record_id.in_(record_ids),
    )
    with database.statement() as connection:
        return {row.record_id: State(row.state) for row in connection.execute(query)}


def _wake(waits: ColumnElement[bool], *, now: datetime) -> ReturningUpdate[str]:
    return (
        update(ChangeRow)
        .where(ChangeRow.id.in_(locked(select(ChangeRow.id).where(waits))))
        .values(due_at=now, waits_for_kind=None, waits_for_id=None)
        .returning(ChangeRow.kind)
    )
