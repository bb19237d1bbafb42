"""Changes that wait for another record: woken by its link, and told when it ends without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, select, tuple_, update

from models.locking import locked
from models.tables import ChangeRow, LinkRow
from models.words import Kind, Lane, Record, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Update

    from models.base import Database

LINKED = exists().where(
    LinkRow.connection_id == ChangeRow.connection_id,
    LinkRow.kind == ChangeRow.waits_for_kind,
    LinkRow.moment_id == ChangeRow.waits_for_id,
)
"""Says in SQL that what a change waits for has a link."""

HELD_UP = ChangeRow.state.in_([State.WAITING, State.STUCK])
"""Says in SQL that a change waits, or needs a person since what it waited for had ended without a link."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """How a record stands that others wait for: what its last attempt said, or the person who closed it."""

    state: State
    linked: bool
    title: str
    message: str
    closed_because: str


def wake(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make due what waits for those of these records that have a link; tells the lanes to nudge.

    What needs a person since such a record had none goes on as well.
    """
    return _awaken(database, connection_id, records, _woken(now), HELD_UP, LINKED)


def wake_arrived(database: Database, *, now: datetime) -> None:
    """Make due what waits for a record with a link, should nobody have woken it."""
    waits = and_(ChangeRow.waits_for_kind.is_not(None), HELD_UP, LINKED)
    with database.transaction() as session:
        session.execute(_woken(now).where(ChangeRow.id.in_(locked(select(ChangeRow.id).where(waits)))))


def end_wait(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make due what waits for these records, which have ended without a link; tells the lanes to nudge.

    It keeps in mind what it waited for, so that it does not wait for it again.
    """
    due = update(ChangeRow).values(due_at=now)
    return _awaken(database, connection_id, records, due, ChangeRow.state == State.WAITING)


def dependencies(
    database: Database, connection_id: int, records: Collection[Record]
) -> Mapping[Record, Dependency]:
    """Tell how those of these records stand that the inbox knows."""
    linked = exists().where(
        LinkRow.connection_id == ChangeRow.connection_id,
        LinkRow.kind == ChangeRow.kind,
        LinkRow.moment_id == ChangeRow.record_id,
    )
    query = select(ChangeRow, linked).where(
        ChangeRow.connection_id == connection_id, tuple_(ChangeRow.kind, ChangeRow.record_id).in_(_keys(records))
    )
    with database.transaction() as session:
        return {
            Record(Kind(row.kind), row.record_id): Dependency(
                state=State(row.state),
                linked=has_link,
                title=row.title,
                message=row.message,
                closed_because=row.closed_because,
            )
            for row, has_link in session.execute(query)
        }


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


def _woken(now: datetime) -> Update:
    return update(ChangeRow).values(state=State.WAITING, due_at=now, waits_for_kind=None, waits_for_id=None)


def _awaken(
    database: Database,
    connection_id: int,
    records: Collection[Record],
    change: Update,
    *conditions: ColumnElement[bool],
) -> set[Lane]:
    """Change what waits for these records and meets the conditions, and tell its lanes."""
    if not records:
        return set()
    waits = select(ChangeRow.id).where(
        ChangeRow.connection_id == connection_id,
        tuple_(ChangeRow.waits_for_kind, ChangeRow.waits_for_id).in_(_keys(records)),
        *conditions,
    )
    changed = change.where(ChangeRow.id.in_(locked(waits))).returning(ChangeRow.kind)
    with database.statement() as connection:
        return {Lane(connection_id, Kind(kind)) for kind in connection.scalars(changed)}


def _keys(records: Collection[Record]) -> list[tuple[Kind, str]]:
    return [(record.kind, record.id) for record in records]
