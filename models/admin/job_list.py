"""The list of changes, newest first: as fast with a million rows as with ten, whatever is asked for.

Two looks make it so. The first goes through the newest rows in their order and stops when the page is full, which
is soon where what is asked for is common. What is rare is then found by an index of its own, or among the rows of
small connections, and put in order after that. PostgreSQL by itself would have to guess which of these it is, and
a wrong guess takes seconds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session

from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import EntityType, JobState, Outcome, Record, titled
from models.pagination import SIZE, Key, OrderColumns, Page, beyond, following, nearest_first, paged
from models.schema.record_summary import RecordSummary
from models.schema.statements import IS_LINK_OF_JOB, made_of
from models.schema.tables import ConnectionRow, LinkRow, SyncJobRow

COLUMNS = (
    SyncJobRow.id,
    SyncJobRow.connection_id,
    SyncJobRow.entity_type,
    SyncJobRow.received_at,
    SyncJobRow.completed_at,
    SyncJobRow.updated_at,
    SyncJobRow.state,
    SyncJobRow.outcome,
    SyncJobRow.error_code,
    SyncJobRow.warnings,
    SyncJobRow.search_terms,
)
"""What changes are filtered and put in order by."""

MAX_SCANNED_ROWS = 20_000
"""Rows that the first look goes through at most: some ten milliseconds' worth."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A change as it stands; instants in UTC. ``title`` names the record as a person does, once it was read.

    ``dismissal_reason`` is what the person said who closed it; message and remedy are then about what it was like.
    ``remote_id`` is what an invoice, customer or project is linked to, "" where it is not.
    """

    id: int
    connection_id: int
    connection: str
    record: Record
    revision: int
    state: JobState
    title: str
    outcome: Outcome | None
    error_code: str
    message: str
    remedy: str
    warnings: tuple[str, ...]
    dismissal_reason: str
    failed_attempts: int
    due_at: datetime | None
    received_at: datetime
    completed_at: datetime | None
    updated_at: datetime
    summary: RecordSummary
    remote_id: str

    @property
    def number(self) -> str:
        """The number of the record: of a customer or project that of 24SevenOffice, if it has one."""
        own = self.record.entity_type in (EntityType.CUSTOMER, EntityType.PROJECT)
        return (self.remote_id if own else "") or self.summary.record_number

    @property
    def voucher(self) -> str:
        """Its voucher in 24SevenOffice with the fiscal year, such as "40003/2026"; "" where there is none."""
        named = {EntityType.INVOICE: self.remote_id, EntityType.EXPENSE: self.record.id}
        parts = re.split("[/-]", named.get(self.record.entity_type, ""))
        return f"{parts[-1]}/{parts[0]}" if len(parts) > 1 else ""


def page(database: Database, job_filter: JobFilter, *, key: Key | None = None, size: int = SIZE) -> Page[JobView]:
    with database.transaction() as session:

        def fetch(key: Key | None, limit: int) -> Sequence[JobView]:
            return views(session, SyncJobRow.id.in_(_ids(session, job_filter, key, limit=limit)), key=key)

        return paged(fetch, key=key, at=lambda view: (view.received_at, view.id), size=size)


def latest(database: Database, job_filter: JobFilter, *, limit: int = 100) -> Sequence[JobView]:
    with database.transaction() as session:
        return views(session, SyncJobRow.id.in_(_ids(session, job_filter, None, limit=limit)))


def views(session: Session, which: ColumnElement[bool], *, key: Key | None = None) -> Sequence[JobView]:
    """Read changes, the nearest to the key first, without one the latest received."""
    query = (
        select(SyncJobRow, ConnectionRow.name, LinkRow.remote_id)
        .join(ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id)
        .outerjoin(LinkRow, IS_LINK_OF_JOB)
    )
    rows = session.execute(query.where(which).order_by(*nearest_first(_place(SyncJobRow), key)))
    return [_view(*row) for row in rows]


def _ids(session: Session, job_filter: JobFilter, key: Key | None, *, limit: int) -> Sequence[int]:
    found = session.scalars(_among_newest(job_filter, key).limit(limit)).all()
    if len(found) == limit:
        return found
    few = job_filter.text and (session.scalar(_count_at_connections(job_filter, key)) or 0) <= MAX_SCANNED_ROWS
    return session.scalars((_at_connections if few else _by_rarest_condition)(job_filter, key).limit(limit)).all()


def _among_newest(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Look through the newest rows, or those nearest to the key, in the order of an index."""
    of_connection = following(
        select(*COLUMNS).where(*_only_connection(job_filter)), _place(SyncJobRow), key=key
    ).limit(MAX_SCANNED_ROWS)
    entity_types = [job_filter.entity_type] if job_filter.entity_type else EntityType
    every = union_all(*(of_connection.where(SyncJobRow.entity_type == each) for each in entity_types)).subquery()
    in_order = select(every).order_by(*nearest_first(_place(every.c), key))
    nearest = in_order.limit(MAX_SCANNED_ROWS).subquery().c
    wanted = select(nearest.id).where(*job_filter.conditions_but_type(nearest))
    return wanted.order_by(*nearest_first(_place(nearest), key))


def _count_at_connections(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Count the rows of the connections that are seen, as far as it matters."""
    rows = (
        select(SyncJobRow.id)
        .where(job_filter.at_connections(SyncJobRow), beyond(_place(SyncJobRow), key))
        .limit(MAX_SCANNED_ROWS + 1)
        .subquery()
    )
    return select(func.count()).select_from(rows)


def _at_connections(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Go through all rows of the connections that are seen, where they are few."""
    there = select(*COLUMNS).where(job_filter.at_connections(SyncJobRow), beyond(_place(SyncJobRow), key))
    rows = there.cte().prefix_with("MATERIALIZED").c
    wanted = select(rows.id).where(*job_filter.conditions(rows))
    return wanted.order_by(*nearest_first(_place(rows), key))


def _by_rarest_condition(job_filter: JobFilter, key: Key | None) -> Select[int]:
    """Gather all that is wanted by what is rare about it, then put it in order."""
    gathered = select(SyncJobRow.id, SyncJobRow.received_at).where(beyond(_place(SyncJobRow), key))
    few = (
        job_filter.error_code
        or job_filter.with_warning
        or job_filter.updated_since
        or (job_filter.states and JobState.DONE not in job_filter.states)
    )
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
    return select(found.c.id).order_by(*nearest_first(_place(found.c), key))


def _only_connection(job_filter: JobFilter) -> Iterator[ColumnElement[bool]]:
    """Where there is but one connection, its rows have an index of their own."""
    scope = job_filter.scope.connections
    only = [job_filter.connection_id] if job_filter.connection_id is not None else list(scope or ())
    if len(only) == 1:
        yield SyncJobRow.connection_id == only[0]


def _place(rows: Any) -> OrderColumns:  # noqa: ANN401 - the table, or some of its rows
    return (rows.received_at, rows.id)


def _view(row: SyncJobRow, connection: str, remote_id: str | None) -> JobView:
    record = Record(EntityType(row.entity_type), row.record_id)
    return made_of(
        JobView,
        row,
        connection=connection,
        record=record,
        state=JobState(row.state),
        title=row.title or titled(record.entity_type, record.id),
        outcome=Outcome(row.outcome) if row.outcome else None,
        summary=made_of(RecordSummary, row),
        remote_id=remote_id or "",
        updated_at=row.updated_at or max(row.received_at, row.completed_at or row.received_at),
    )
