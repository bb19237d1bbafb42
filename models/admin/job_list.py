"""The list of changes, newest first: as fast with a million rows as with ten, whatever is asked for.

Two looks make it so. The first goes through the newest rows in their order and stops when the page is full, which
is soon where what is asked for is common. What is rare is then found by an index of its own, or among the rows of
small connections, and put in order after that. PostgreSQL by itself would have to guess which of these it is, and
a wrong guess takes seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_, union_all
from sqlalchemy.orm import Session

from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import EntityType, JobState, Outcome, Record, titled
from models.pagination import Key, Page, paged
from models.schema.tables import ConnectionRow, SyncJobRow

COLUMNS = (
    SyncJobRow.id,
    SyncJobRow.connection_id,
    SyncJobRow.entity_type,
    SyncJobRow.received_at,
    SyncJobRow.completed_at,
    SyncJobRow.state,
    SyncJobRow.outcome,
    SyncJobRow.error_code,
    SyncJobRow.search_terms,
)
"""What changes are filtered and put in order by."""

MAX_SCANNED_ROWS = 20_000
"""Rows that the first look goes through at most: some ten milliseconds' worth."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A change as it stands; instants in UTC. ``title`` names the record as a person does, once it was read.

    ``dismissal_reason`` is what the person said who closed it; message and remedy are then about what it was like.
    """

    id: int
    connection_id: int
    connection: str
    record: Record
    state: JobState
    title: str
    outcome: Outcome | None
    error_code: str
    message: str
    remedy: str
    dismissal_reason: str
    failed_attempts: int
    due_at: datetime
    received_at: datetime
    completed_at: datetime | None


def page(database: Database, job_filter: JobFilter, *, key: Key | None = None) -> Page[JobView]:
    """Tell a page of the changes that are wanted."""
    with database.transaction() as session:

        def fetch(key: Key | None, limit: int) -> Sequence[JobView]:
            return views(session, _ids(session, job_filter, key, limit=limit), ascending=bool(key and key.newer))

        return paged(fetch, key=key, at=lambda view: (view.received_at, view.id))


def latest(database: Database, job_filter: JobFilter, *, limit: int = 100) -> Sequence[JobView]:
    """Tell so many of the changes that are wanted."""
    with database.transaction() as session:
        return views(session, _ids(session, job_filter, None, limit=limit))


def views(session: Session, ids: Sequence[int], *, ascending: bool = False) -> Sequence[JobView]:
    """Read changes by their ids, the latest received first unless ``ascending``."""
    query = select(SyncJobRow, ConnectionRow.name).join(
        ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id
    )
    query = query.where(SyncJobRow.id.in_(ids)).order_by(*_order(SyncJobRow, ascending=ascending))
    return [_view(row, name) for row, name in session.execute(query)]


def _ids(session: Session, job_filter: JobFilter, key: Key | None, *, limit: int) -> Sequence[int]:
    found = session.scalars(_among_newest(job_filter, key).limit(limit)).all()
    if len(found) == limit:
        return found
    few = job_filter.text and (session.scalar(_count_at_connections(job_filter, key)) or 0) <= MAX_SCANNED_ROWS
    return session.scalars((_at_connections if few else _by_rarest_condition)(job_filter, key).limit(limit)).all()


def _among_newest(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Look through the newest rows, or those nearest to the key, in the order of an index."""
    ascending = bool(key and key.newer)
    order = _order(SyncJobRow, ascending=ascending)
    lanes = [
        select(*COLUMNS)
        .where(SyncJobRow.entity_type == entity_type, *_only_connection(job_filter), *_beyond(key))
        .order_by(*order)
        .limit(MAX_SCANNED_ROWS)
        for entity_type in ([job_filter.entity_type] if job_filter.entity_type else EntityType)
    ]
    every = union_all(*lanes).subquery()
    nearest = select(every).order_by(*_order(every.c, ascending=ascending)).limit(MAX_SCANNED_ROWS).subquery().c
    return (
        select(nearest.id)
        .where(*job_filter.conditions_but_type(nearest))
        .order_by(*_order(nearest, ascending=ascending))
    )


def _count_at_connections(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Count the rows of the connections that are seen, as far as it matters."""
    rows = (
        select(SyncJobRow.id)
        .where(job_filter.at_connections(SyncJobRow), *_beyond(key))
        .limit(MAX_SCANNED_ROWS + 1)
        .subquery()
    )
    return select(func.count()).select_from(rows)


def _at_connections(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Go through all rows of the connections that are seen, where they are few."""
    rows = (
        select(*COLUMNS)
        .where(job_filter.at_connections(SyncJobRow), *_beyond(key))
        .cte()
        .prefix_with("MATERIALIZED")
        .c
    )
    return (
        select(rows.id)
        .where(*job_filter.conditions(rows))
        .order_by(*_order(rows, ascending=bool(key and key.newer)))
    )


def _by_rarest_condition(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Gather all that is wanted by what is rare about it, then put it in order."""
    gathered = select(SyncJobRow.id, SyncJobRow.received_at).where(*_beyond(key))
    few = job_filter.error_code or (job_filter.states and JobState.DONE not in job_filter.states)
    if job_filter.text and not few:  # each kind has an index of its own of the words
        entity_types = [job_filter.entity_type] if job_filter.entity_type else EntityType
        of_kinds = [
            gathered.where(SyncJobRow.entity_type == entity_type, *job_filter.conditions_but_type(SyncJobRow))
            for entity_type in entity_types
        ]
        found = union_all(*of_kinds).cte()
    else:
        found = gathered.where(*job_filter.conditions(SyncJobRow)).cte()
    found = found.prefix_with("MATERIALIZED")
    return select(found.c.id).order_by(*_order(found.c, ascending=bool(key and key.newer)))


def _only_connection(job_filter: JobFilter) -> Iterator[ColumnElement[bool]]:
    """Where there is but one connection, its rows have an index of their own."""
    scope = job_filter.scope.connections
    only = [job_filter.connection_id] if job_filter.connection_id is not None else list(scope or ())
    if len(only) == 1:
        yield SyncJobRow.connection_id == only[0]


def _beyond(key: Key | None) -> Iterator[ColumnElement[bool]]:
    if key:
        place, there = tuple_(SyncJobRow.received_at, SyncJobRow.id), (key.at, key.id)
        yield place > there if key.newer else place < there


def _order(rows: Any, *, ascending: bool) -> tuple[ColumnElement[Any], ...]:  # noqa: ANN401 - the table, or some of its rows
    order = (rows.received_at, rows.id)
    return order if ascending else tuple(column.desc() for column in order)


def _view(row: SyncJobRow, connection: str) -> JobView:
    return JobView(
        id=row.id,
        connection_id=row.connection_id,
        connection=connection,
        record=Record(EntityType(row.entity_type), row.record_id),
        state=JobState(row.state),
        title=row.title or titled(EntityType(row.entity_type), row.record_id),
        outcome=Outcome(row.outcome) if row.outcome else None,
        error_code=row.error_code,
        message=row.message,
        remedy=row.remedy,
        dismissal_reason=row.dismissal_reason,
        failed_attempts=row.failed_attempts,
        due_at=row.due_at,
        received_at=row.received_at,
        completed_at=row.completed_at,
    )
