"""Jobs that wait for another record: they are woken when it has a link, or when it has ended without one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, select, tuple_
from sqlalchemy.orm import aliased

from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.inbox.enqueue import enqueue
from models.inbox.job_updates import concerns, restart_unfinished, update_by
from models.inbox.transitions import JobEvent
from models.schema.locks import locked
from models.schema.statements import IS_LINK_OF_JOB
from models.schema.tables import LinkRow, SyncJobRow

DEPENDENCY_IS_LINKED = exists().where(
    LinkRow.connection_id == SyncJobRow.connection_id,
    LinkRow.entity_type == SyncJobRow.dependency_type,
    LinkRow.moment_id == SyncJobRow.dependency_id,
)
"""The SQL condition that a job's dependency has a link."""

_DEPENDENCY = aliased(SyncJobRow)
DEPENDENCY_IS_UNFINISHED = exists().where(
    _DEPENDENCY.connection_id == SyncJobRow.connection_id,
    _DEPENDENCY.entity_type == SyncJobRow.dependency_type,
    _DEPENDENCY.record_id == SyncJobRow.dependency_id,
    _DEPENDENCY.state != JobState.DONE,
)
"""The SQL condition that a job's dependency is not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A job that has to wait for a record; ``repeated`` if it has already waited for the same record."""

    job_id: int
    record: Record
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """The state of a record that others wait for, with its last message and the reason for its dismissal."""

    state: JobState
    linked: bool
    title: str
    message: str
    dismissal_reason: str

    def has_ended_for(self, wait: Wait) -> bool:
        """Return whether it has ended: dismissed, or attempted during the wait without getting a link."""
        attempted = self.state is JobState.DONE and wait.repeated
        return self.state is JobState.DISMISSED or (attempted and not self.linked)


def enqueue_dependencies(
    database: Database, connection_id: int, waits: Sequence[Wait], *, now: datetime
) -> Mapping[int, Dependency]:
    """Enqueue the records that jobs wait for; return, by job id, the dependencies that have ended.

    A record that had ended before is tried once more for each job that begins to wait for it.
    """
    if not waits:
        return {}
    known = _find(database, connection_id, {wait.record for wait in waits})
    ended: dict[int, Dependency] = {}
    needed: set[Record] = set()
    for wait in waits:
        dependency = known.get(wait.record)
        if dependency and dependency.has_ended_for(wait):
            ended[wait.job_id] = dependency
        elif dependency is None or dependency.state is JobState.DONE:
            needed.add(wait.record)
    enqueue(database, connection_id, needed, now=now, as_dependency=True)
    return ended


def wake(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make jobs due whose dependency is one of these records and has a link; return the lanes to dispatch.

    Jobs that need attention because such a record had no link continue too.
    """
    return _apply_to_waiting(
        database, connection_id, records, JobEvent.DEPENDENCY_SYNCED, DEPENDENCY_IS_LINKED, now=now
    )


def restart_waits(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> None:
    """Restart the count of how long jobs that wait for these records are unfinished: a person delayed them."""
    if not records:
        return
    waits = tuple_(SyncJobRow.dependency_type, SyncJobRow.dependency_id).in_(_keys(records))
    with database.transaction() as session:
        restart_unfinished(session, connection_id, waits, now=now)


def wake_satisfied(database: Database, *, now: datetime) -> None:
    """Make jobs due whose dependency is done and has a link, in case they were not woken.

    A record that is not done may have an outdated link, such as a project whose number has changed.
    """
    event = JobEvent.DEPENDENCY_SYNCED
    depends = SyncJobRow.dependency_type.is_not(None), concerns(event)
    waits = locked(select(SyncJobRow.id).where(*depends, DEPENDENCY_IS_LINKED, ~DEPENDENCY_IS_UNFINISHED))
    with database.transaction() as session:
        session.execute(update_by(event, now=now).where(SyncJobRow.id.in_(waits)))


def end_wait(database: Database, connection_id: int, records: Collection[Record], *, now: datetime) -> set[Lane]:
    """Make jobs due that wait for these records, which have ended without a link; return the lanes to dispatch."""
    return _apply_to_waiting(database, connection_id, records, JobEvent.DEPENDENCY_GONE, now=now)


def end_dismissed(database: Database, connection_id: int, *, now: datetime) -> set[Lane]:
    """Make jobs due that wait for records that a person has dismissed; return the lanes to dispatch."""
    dismissed = aliased(SyncJobRow)
    waits = (
        select(dismissed.entity_type, dismissed.record_id)
        .select_from(SyncJobRow)
        .join(
            dismissed,
            and_(
                dismissed.connection_id == SyncJobRow.connection_id,
                dismissed.entity_type == SyncJobRow.dependency_type,
                dismissed.record_id == SyncJobRow.dependency_id,
                dismissed.state == JobState.DISMISSED,
            ),
        )
        .where(SyncJobRow.connection_id == connection_id, SyncJobRow.state == JobState.WAITING)
    )
    ended = {Record(EntityType(entity_type), record_id) for entity_type, record_id in database.rows(waits)}
    return end_wait(database, connection_id, ended, now=now)


def _find(database: Database, connection_id: int, records: Collection[Record]) -> Mapping[Record, Dependency]:
    query = select(SyncJobRow, exists().where(IS_LINK_OF_JOB)).where(
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
                dismissal_reason=row.dismissal_reason,
            )
            for row, has_link in session.execute(query)
        }


def _apply_to_waiting(
    database: Database,
    connection_id: int,
    records: Collection[Record],
    event: JobEvent,
    *conditions: ColumnElement[bool],
    now: datetime,
) -> set[Lane]:
    """Apply an event to the jobs that depend on these records and meet the conditions; return their lanes."""
    if not records:
        return set()
    waits = select(SyncJobRow.id).where(
        SyncJobRow.connection_id == connection_id,
        tuple_(SyncJobRow.dependency_type, SyncJobRow.dependency_id).in_(_keys(records)),
        concerns(event),
        *conditions,
    )
    changed = update_by(event, now=now).where(SyncJobRow.id.in_(locked(waits)))
    types = database.scalars(changed.returning(SyncJobRow.entity_type))
    return {Lane(connection_id, EntityType(each)) for each in types}


def _keys(records: Collection[Record]) -> list[tuple[EntityType, str]]:
    return [(record.entity_type, record.id) for record in records]
