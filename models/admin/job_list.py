"""The list of jobs, usually newest first: as fast with a million rows as with ten, whatever the filter.

It takes up to two queries. The first reads the newest rows in order and stops when the page is full, which is soon
if the filter matches many rows. If it matches few, the second uses the index of the rarest condition, or reads all
rows of small connections, and sorts the result. PostgreSQL alone has to guess which query is better, and a wrong
guess takes seconds.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVarTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Date,
    Row,
    Select,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    select,
    true,
    union_all,
)

from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import EntityType, JobState, Outcome, Record, titled
from models.pagination import PAGE_SIZE, Key, OrderColumns, Page, after_key, nearest_first, paged, with_position
from models.schema.record_summary import RecordSummary
from models.schema.statements import IS_LINK_OF_JOB, build_from
from models.schema.tables import ConnectionRow, LinkRow, NoteRow, SyncJobRow

Columns = TypeVarTuple("Columns")

JOBS = SyncJobRow.__table__.c
"""The columns of jobs. Queries of columns are built and compiled in half the time of queries of classes."""

MAX_SCANNED_ROWS = 20_000
"""The most rows that the first query reads, in about ten milliseconds."""

MAX_SCANNED_BEFORE_INDEX = 5_000
"""The same if a condition has an index, which finds rows faster that are rarer than one in a hundred."""

MAX_SCATTERED_ROWS = 2_000
"""The same in order of date or amount, where each row is on another page of the table."""

EXPORT_BATCH_SIZE = 1000
MAX_TOTALED_ROWS = 10_000
"""The most rows that are counted and added up."""


@dataclass(frozen=True, slots=True)
class JobView:
    """The present state of a job; instants in UTC. ``title`` names the record, once it has been read.

    ``dismissal_reason`` is the reason of the person who dismissed it; message and remedy are from before that.
    ``remote_id`` is the id that an invoice, customer or project is linked to, "" if it has no link. ``has_notes``
    says whether it has notes.
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
    has_notes: bool

    @property
    def number(self) -> str:
        """The number of the record; for a customer or project, its number in 24SevenOffice if it has one."""
        own = self.record.entity_type in (EntityType.CUSTOMER, EntityType.PROJECT)
        return (self.remote_id if own else "") or self.summary.record_number

    @property
    def voucher(self) -> str:
        """The voucher in 24SevenOffice with its fiscal year, such as "40003/2026"; "" if there is none."""
        named = {EntityType.INVOICE: self.remote_id, EntityType.EXPENSE: self.record.id}
        parts = re.split("[/-]", named.get(self.record.entity_type, ""))
        return f"{parts[-1]}/{parts[0]}" if len(parts) > 1 else ""


class Sort(StrEnum):
    """The order of a list. A list sorted by date or amount has only the records with a date or amount."""

    RECEIVED = "received"
    RECEIVED_ASCENDING = "received_asc"
    DATE = "date"
    DATE_ASCENDING = "date_asc"
    AMOUNT = "amount"
    AMOUNT_ASCENDING = "amount_asc"

    @property
    def ascending(self) -> bool:
        return self.endswith("_asc")

    @property
    def column(self) -> str:
        return {"received": "received_at", "date": "record_date", "amount": "amount"}[self.removesuffix("_asc")]

    @property
    def known(self) -> str:
        """The sort column, if records without a value are left out; "" if every record has one."""
        return "" if self.column == "received_at" else self.column


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list and the key after which rows are read, nearest first; without a key, from the start."""

    sort: Sort = Sort.RECEIVED
    key: Key | None = None

    def after_key(self, rows: Any) -> ColumnElement[bool]:  # noqa: ANN401 - the table, or some of its rows
        after = after_key(self._columns(rows), self.key, ascending=self.sort.ascending)
        return and_(after, getattr(rows, self.sort.column).is_not(None))  # the condition of the partial indexes

    def nearest_first(self, rows: Any) -> OrderColumns:  # noqa: ANN401 - the same
        return nearest_first(self._columns(rows), self.key, ascending=self.sort.ascending)

    @property
    def is_scattered(self) -> bool:
        """Whether rows that are next to each other in the list are far apart in the table."""
        return self.sort.column != "received_at"

    @property
    def upwards(self) -> bool:
        """Whether the row nearest to the key has the lowest value."""
        return (self.key is not None and self.key.newer) != self.sort.ascending

    def at(self, view: JobView) -> tuple[datetime | date | int, int]:
        """Return the key of a row in the list."""
        known = view.summary
        values = {"received_at": view.received_at, "record_date": known.record_date, "amount": known.amount}
        return values[self.sort.column] or 0, view.id

    def _columns(self, rows: Any) -> OrderColumns:  # noqa: ANN401 - the same
        return (getattr(rows, self.sort.column), rows.id)


NEWEST_FIRST = Order()


@dataclass(frozen=True, slots=True)
class Amount:
    """The sum of the records of a type in a currency, in hundredths of it."""

    entity_type: EntityType
    currency: str
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    count: int
    amounts: Sequence[Amount]


def page(
    database: Database,
    job_filter: JobFilter,
    *,
    key: Key | None = None,
    sort: Sort = Sort.RECEIVED,
    size: int = PAGE_SIZE,
) -> Page[JobView]:
    """Return a page of a list. A key of a list in another order is ignored."""

    def fetch(key: Key | None, limit: int) -> Sequence[JobView]:
        order = Order(sort, key)
        return _in_order(database, _ids(database, job_filter, order, limit=limit), order)

    return paged(fetch, key=_fitting(key, sort), at=Order(sort).at, size=size)


def page_with_place(database: Database, job_filter: JobFilter, *, key: Key | None, sort: Sort) -> Page[JobView]:
    """Return a page of a list, with its position if that is quick to count."""
    found = page(database, job_filter, key=key, sort=sort)
    return with_position(found, _lines(job_filter, sort), database.rows_in_time)


def page_with_totals(
    database: Database, job_filter: JobFilter, *, key: Key | None, sort: Sort
) -> tuple[Page[JobView], Totals | None]:
    """Return a page of a list, with its position and the totals of the list if they are quick to count."""
    found = page(database, job_filter, key=key, sort=sort)
    of_all = totals(database, job_filter) if found.lines else None
    count = of_all.count if of_all else None
    return with_position(found, _lines(job_filter, sort), database.rows_in_time, total=lambda: count), of_all


def _lines(job_filter: JobFilter, sort: Sort) -> Callable[[Key | None], Select[int] | CompoundSelect[int]]:
    return lambda key: _gathered(job_filter, select(JOBS.id).where(Order(sort, key).after_key(JOBS)))


def every(database: Database, job_filter: JobFilter, *, sort: Sort = Sort.RECEIVED) -> Iterator[JobView]:
    """Yield all rows of a list, read in batches, so that a slow reader keeps no transaction open."""
    key = None
    while True:
        some = page(database, job_filter, key=key, sort=sort, size=EXPORT_BATCH_SIZE)
        yield from some.lines
        if some.older is None:
            return
        key = Key.parse(str(some.older))


def latest(database: Database, job_filter: JobFilter, *, limit: int = 100) -> Sequence[JobView]:
    return _in_order(database, _ids(database, job_filter, NEWEST_FIRST, limit=limit), NEWEST_FIRST)


def totals(database: Database, job_filter: JobFilter) -> Totals | None:
    """Count the jobs of a filter and add up their amounts; None if they are too many or it takes too long."""
    rows = _gathered(job_filter, select(JOBS.entity_type, JOBS.currency, JOBS.amount))
    some = rows.limit(MAX_TOTALED_ROWS + 1).subquery().c
    count, total = func.count(), func.sum(some.amount)
    query = select(some.entity_type, some.currency, count, total).group_by(some.entity_type, some.currency)
    found = database.rows_in_time(query.order_by(count.desc(), some.currency))
    counted = sum(row[2] for row in found or ())
    if found is None or counted > MAX_TOTALED_ROWS:
        return None
    amounts = [Amount(EntityType(row[0]), row[1], int(row[3])) for row in found if row[3] is not None]
    return Totals(count=counted, amounts=amounts)


def view(database: Database, which: ColumnElement[bool]) -> JobView | None:
    """Return the job that meets a condition; None if there is none."""
    row = database.row(_VIEWS.where(which))
    return _view(row) if row else None


def _in_order(database: Database, ids: Sequence[int], order: Order) -> Sequence[JobView]:
    return [_view(row) for row in database.rows(_ordered_views(order.sort, upwards=order.upwards), {"ids": ids})]


@cache
def _ordered_views(sort: Sort, *, upwards: bool) -> Select[*tuple[Any, ...]]:
    """Return the query of the jobs with some ids; it is built once for each order."""
    columns = JOBS[sort.column], JOBS.id
    some = _VIEWS.where(JOBS.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    return some.order_by(*(columns if upwards else (column.desc() for column in columns)))


_VIEWS = (
    select(
        *(column for column in JOBS if column.name != "search_terms"),
        ConnectionRow.name.label("connection"),
        LinkRow.remote_id,
        exists().where(NoteRow.job_id == JOBS.id).label("has_notes"),
    )
    .select_from(SyncJobRow)
    .join(ConnectionRow, ConnectionRow.id == JOBS.connection_id)
    .outerjoin(LinkRow, IS_LINK_OF_JOB)
)


def _ids(database: Database, job_filter: JobFilter, order: Order, *, limit: int) -> Sequence[int]:
    if order.is_scattered and _has_few_rows(database, job_filter):
        return database.scalars(_at_connections(job_filter, order).limit(limit))
    found = database.scalars(_among_first(job_filter, order).limit(limit))
    if len(found) == limit:
        return found
    query = _by_rarest_condition
    if not order.is_scattered and (job_filter.text or job_filter.is_by_date_only):
        if _has_few_rows(database, job_filter):
            query = _at_connections
        elif job_filter.is_by_date_only:
            query = partial(_by_day, limit=limit)
    return database.scalars(query(job_filter, order).limit(limit))


def _among_first(job_filter: JobFilter, order: Order) -> Select[int]:
    """Search the first rows of the list, or the rows nearest to the key, in the order of an index."""
    depth = MAX_SCANNED_BEFORE_INDEX if job_filter.is_indexed else MAX_SCANNED_ROWS
    if order.is_scattered:
        depth = MAX_SCATTERED_ROWS
    of_connection = (
        select(*_columns(job_filter, order))
        .where(*_only_connection(job_filter), order.after_key(JOBS))
        .order_by(*order.nearest_first(JOBS))
        .limit(depth)
    )
    if not order.is_scattered:  # each type has its part of the index
        entity_types = [job_filter.entity_type] if job_filter.entity_type else EntityType
        parts = (of_connection.where(JOBS.entity_type == each) for each in entity_types)
        every = union_all(*parts).subquery()
    else:
        every = of_connection.where(*job_filter.dated(JOBS)).subquery()
    in_order = select(every).order_by(*order.nearest_first(every.c))
    nearest = in_order.limit(depth).subquery().c
    matching = select(nearest.id).where(*job_filter.conditions(nearest))
    return matching.order_by(*order.nearest_first(nearest))


def _columns(job_filter: JobFilter, order: Order) -> Sequence[ColumnElement[Any]]:
    """Return the columns that a filter reads: each further one takes time, the wide ones more than all others."""
    read = {"id", order.sort.column, *job_filter.columns}
    return [column for column in JOBS if column.name in read]


def _has_few_rows(database: Database, job_filter: JobFilter) -> bool:
    """Return whether all rows of the visible connections are read sooner than an index finds some of them."""
    if job_filter.is_rare or not job_filter.has_limited_scope:
        return False
    rows = select(JOBS.id).where(job_filter.at_connections(JOBS)).limit(MAX_SCANNED_ROWS + 1).subquery()
    return (database.scalar(select(func.count()).select_from(rows)) or 0) <= MAX_SCANNED_ROWS


def _at_connections(job_filter: JobFilter, order: Order) -> Select[int]:
    """Read all rows of the visible connections, if they are few."""
    visible = select(*_columns(job_filter, order)).where(job_filter.at_connections(JOBS), order.after_key(JOBS))
    rows = visible.cte().prefix_with("MATERIALIZED").c
    matching = select(rows.id).where(*job_filter.conditions(rows))
    return matching.order_by(*order.nearest_first(rows))


def _by_day(job_filter: JobFilter, order: Order, *, limit: int) -> Select[int]:
    """Find the first rows of each day of a period by an index, then sort them."""
    first, last = (
        select(aggregate(JOBS.record_date)).where(JOBS.record_date.is_not(None)).scalar_subquery()
        for aggregate in (func.min, func.max)
    )
    day = func.generate_series(
        func.greatest(first, job_filter.date_from), func.least(last, job_filter.date_to), timedelta(days=1)
    )
    days = select(cast(day, Date).label("day")).subquery()
    columns = (JOBS.id, JOBS[order.sort.column])
    of_day = select(*columns).where(
        JOBS.record_date == days.c.day, *job_filter.conditions(JOBS), order.after_key(JOBS)
    )
    nearest = of_day.order_by(*order.nearest_first(JOBS)).limit(limit).lateral()
    found = select(nearest.c.id).select_from(days).join(nearest, true())
    return found.order_by(*order.nearest_first(nearest.c))


def _by_rarest_condition(job_filter: JobFilter, order: Order) -> Select[int]:
    """Find the jobs of a filter by its rarest condition, then sort them."""
    columns = (JOBS.id, JOBS[order.sort.column])
    found = _gathered(job_filter, select(*columns).where(order.after_key(JOBS))).cte()
    found = found.prefix_with("MATERIALIZED")
    return select(found.c.id).order_by(*order.nearest_first(found.c))


def _gathered(job_filter: JobFilter, query: Select[*Columns]) -> Select[*Columns] | CompoundSelect[*Columns]:
    """Limit a query to the jobs of the filter, so that the index of its rarest condition is used."""
    if not job_filter.text or job_filter.is_rare:
        return query.where(*job_filter.conditions(JOBS))
    # each entity type has its own index of the search terms
    entity_types = [job_filter.entity_type] if job_filter.entity_type else EntityType
    return union_all(
        *(
            query.where(JOBS.entity_type == entity_type, *job_filter.conditions_but_type(JOBS))
            for entity_type in entity_types
        )
    )


def _only_connection(job_filter: JobFilter) -> Iterator[ColumnElement[bool]]:
    """Return the connection if there is only one: its rows have an index."""
    scope = job_filter.scope.connections
    only = [job_filter.connection_id] if job_filter.connection_id is not None else list(scope or ())
    if len(only) == 1:
        yield JOBS.connection_id == only[0]


def _fitting(key: Key | None, sort: Sort) -> Key | None:
    """Return a key with the type of its column; None if the key is from a list in another order."""
    match key and key.at, sort.column:
        case datetime(), "received_at":
            return key
        case int(), "amount":
            return key
        case int() as number, "record_date" if key and date.min.toordinal() <= number <= date.max.toordinal():
            return replace(key, at=date.fromordinal(number))
    return None


def _view(row: Row[*tuple[Any, ...]]) -> JobView:
    record = Record(EntityType(row.entity_type), row.record_id)
    return build_from(
        JobView,
        row,
        record=record,
        state=JobState(row.state),
        title=row.title or titled(record.entity_type, record.id),
        outcome=Outcome(row.outcome) if row.outcome else None,
        summary=build_from(RecordSummary, row),
        remote_id=row.remote_id or "",
        updated_at=row.updated_at or max(row.received_at, row.completed_at or row.received_at),
    )
