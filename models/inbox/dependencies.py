"""Changes that wait for another record: woken by its link, and told when it ends without one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Update, and_, exists, func, select, tuple_, update

from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.schema.locks import locked
from models.schema.tables import LinkRow, SyncJobRow

LINKED = exists().where(
    LinkRow.connection_id == SyncJobRow.connection_id,
    LinkRow.entity_type == SyncJobRow.dependency_type,
    LinkRow.moment_id == SyncJobRow.dependency_id,
)
"""Says in SQL that what a change waits for has a link."""

HELD_UP = SyncJobRow.state.in_([JobState.QUEUED, JobState.NEEDS_ATTENTION])
"""Says in SQL that a change waits, or needs a person since what it waited for had ended without a link."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """How a record stands that others wait for: what its last attempt said, or the person who closed it."""

    state: JobState
    linked: bool
    title: str
    message: str
    closed_because: str


def wake(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make due what waits for those of these records that have a link; tells the lanes to nudge.

    What needs a person since such a record had none goes on as well.
    """
    return _awaken(database, connection_id, records, _woken(now), HELD_UP, LINKED)


def wake_satisfied(database: Database, *, now: datetime) -> None:
    """Make due what waits for a record with a link, should nobody have woken it."""
    waits = and_(SyncJobRow.dependency_type.is_not(None), HELD_UP, LINKED)
    with database.transaction() as session:
        session.execute(_woken(now).where(SyncJobRow.id.in_(locked(select(SyncJobRow.id).where(waits)))))


def end_wait(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make due what waits for these records, which have ended without a link; tells the lanes to nudge.

    It keeps in mind what it waited for, so that it does not wait for it again.
    """
    due = update(SyncJobRow).values(due_at=now)
    return _awaken(database, connection_id, records, due, SyncJobRow.state == JobState.QUEUED)


def dependencies(
    database: Database, connection_id: int, records: Collection[Record]
) -> Mapping[Record, Dependency]:
    """Tell how those of these records stand that the inbox knows."""
    linked = exists().where(
        LinkRow.connection_id == SyncJobRow.connection_id,
        LinkRow.entity_type == SyncJobRow.entity_type,
        LinkRow.moment_id == SyncJobRow.record_id,
    )
    query = select(SyncJobRow, linked).where(
        SyncJobRow.connection_id == connection_id,
        tuple_(SyncJobRow.entity_type, SyncJobRow.record_id).in_(_keys(records)),
    )
    with database.transaction() as session:
        return {
            Record(EntityType(row.entity_type), row.record_id): Dependency(
                state=JobState(row.state),
                linked=has_link,
                title=row.title,
                message=row.message,
                closed_because=row.dismissal_reason,
            )
            for row, has_link in session.execute(query)
        }


def count_unfinished(database: Database, lane: Lane) -> int:
    """Count the changes of a lane that are still to come across, those included that need a person."""
    query = select(func.count()).where(
        SyncJobRow.connection_id == lane.connection_id,
        SyncJobRow.entity_type == lane.entity_type,
        SyncJobRow.state.in_([JobState.QUEUED, JobState.RUNNING, JobState.NEEDS_ATTENTION]),
    )
    with database.transaction() as session:
        return session.scalar(query) or 0


def states(database: Database, lane: Lane, record_ids: Sequence[str]) -> dict[str, JobState]:
    """Tell how those of a lane's records stand of which the inbox knows, by their ids."""
    query = select(SyncJobRow.record_id, SyncJobRow.state).where(
        SyncJobRow.connection_id == lane.connection_id,
        SyncJobRow.entity_type == lane.entity_type,
        SyncJobRow.record_id.in_(record_ids),
    )
    with database.statement() as connection:
        return {row.record_id: JobState(row.state) for row in connection.execute(query)}


def _woken(now: datetime) -> Update:
    return update(SyncJobRow).values(state=JobState.QUEUED, due_at=now, dependency_type=None, dependency_id=None)


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
    waits = select(SyncJobRow.id).where(
        SyncJobRow.connection_id == connection_id,
        tuple_(SyncJobRow.dependency_type, SyncJobRow.dependency_id).in_(_keys(records)),
        *conditions,
    )
    changed = change.where(SyncJobRow.id.in_(locked(waits))).returning(SyncJobRow.entity_type)
    with database.statement() as connection:
        return {Lane(connection_id, EntityType(kind)) for kind in connection.scalars(changed)}


def _keys(records: Collection[Record]) -> list[tuple[EntityType, str]]:
    return [(record.entity_type, record.id) for record in records]
