"""The overview: jobs that need attention, the connections' status, those with problems first, and statistics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from models.admin.connection_list import (
    ConnectionState,
    HealthProblem,
    name_sort_key,
    status_columns,
    with_status,
)
from models.connections.repository import NOT_STARTED
from models.database import Database
from models.enums import PENDING, UNFINISHED, EntityType, JobState, Outcome, Scope
from models.inbox.statistics import Granularity
from models.schema.statements import within
from models.schema.tables import ConnectionRow, LaneRow, StatisticsRow, SyncJobRow

PAGE_SIZE = 50
"""Connections on a page."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The status of a connection; instants in UTC.

    State, problems and outage are those of :mod:`.connection_list`; ``outage_cause`` is the last error of the
    outage. ``pending`` and ``needs_attention`` count jobs. ``synced`` is when a record of each entity type was
    last synced.
    """

    id: int
    name: str
    state: ConnectionState
    problems: Sequence[HealthProblem]
    paused_because: str
    paused_by: str
    outage_since: datetime | None
    pending: int
    needs_attention: int
    outage_cause: str = ""
    synced: Mapping[EntityType, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorCodeCount:
    error_code: str
    jobs: int


@dataclass(frozen=True, slots=True)
class PeriodStatistics:
    """The attempts of a period from ``starts_at`` by outcome; ``total_seconds`` is the time of the synced ones."""

    starts_at: datetime
    synced: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    total_seconds: float = 0
    max_seconds: float = 0

    @property
    def mean_seconds(self) -> float:
        """The average seconds from event to sync, 0 if nothing was synced."""
        return self.total_seconds / self.synced if self.synced else 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of connections, and of jobs that are pending or need attention.

    Connections with an open circuit breaker are ``outage`` or ``rate_limited``.
    """

    connections: int
    not_started: int
    paused: int
    outage: int
    rate_limited: int
    pending: int
    needs_attention: int


def totals(database: Database, scope: Scope) -> Totals:
    count = func.count()
    paused, is_open = ConnectionRow.paused_because != "", ConnectionRow.breaker_open_until.is_not(None)
    not_started = ConnectionRow.paused_because == NOT_STARTED
    rate_limited = ConnectionRow.rate_limited_since.is_not(None)
    by_status = (
        count.filter(not_started),
        count.filter(paused, ~not_started),
        count.filter(is_open, ~paused, ~rate_limited),
        count.filter(is_open, ~paused, rate_limited),
    )
    connections = select(count, *by_status).where(within(scope, ConnectionRow.id))
    jobs = select(SyncJobRow.state, count).where(
        SyncJobRow.state.in_(UNFINISHED), within(scope, SyncJobRow.connection_id)
    )
    [counts] = database.rows(connections)
    states = dict(database.rows(jobs.group_by(SyncJobRow.state)))
    return Totals(
        *counts,
        pending=sum(states.get(each, 0) for each in PENDING),
        needs_attention=states.get(JobState.NEEDS_ATTENTION, 0),
    )


def error_code_counts(database: Database, scope: Scope) -> Sequence[ErrorCodeCount]:
    """Return the error codes of the jobs that need attention, the most frequent first."""
    number = func.count()
    query = (
        select(SyncJobRow.error_code, number)
        .where(SyncJobRow.state == JobState.NEEDS_ATTENTION, within(scope, SyncJobRow.connection_id))
        .group_by(SyncJobRow.error_code)
        .order_by(number.desc(), SyncJobRow.error_code)
    )
    return [ErrorCodeCount(*row) for row in database.rows(query)]


def last_periods(
    database: Database, granularity: Granularity, number: int, *, scope: Scope, now: datetime
) -> Sequence[PeriodStatistics]:
    """Return the statistics of the last hours or days, all connections of a scope together, oldest first."""
    starts = granularity.last(number, now=now)
    sums = [func.sum(getattr(StatisticsRow, name)) for name in (*Outcome, "total_seconds")]
    query = (
        select(StatisticsRow.starts_at, *sums, func.max(StatisticsRow.max_seconds))
        .where(
            StatisticsRow.granularity == granularity,
            StatisticsRow.starts_at >= starts[0],
            within(scope, StatisticsRow.connection_id),
        )
        .group_by(StatisticsRow.starts_at)
    )
    counted = {start: numbers for start, *numbers in database.rows(query)}
    return [PeriodStatistics(start, *counted.get(start, ())) for start in starts]


def connection_statuses(
    database: Database, scope: Scope, *, now: datetime, name: str = "", page: int = 1
) -> Sequence[ConnectionStatus]:
    """Return a page of the connections whose name contains a text, plus one if there is another page."""
    query = _status_query(scope, name, now).offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)
    rows = database.rows(query)
    synced = _synced(database, [row.id for row in rows])
    causes = _outage_causes(database, [row.id for row in rows if row.state == ConnectionState.OUTAGE])
    return [
        with_status(ConnectionStatus, row, outage_cause=causes.get(row.id, ""), synced=synced.get(row.id, {}))
        for row in rows
    ]


def count_connections(database: Database, scope: Scope, *, name: str = "") -> int:
    """Count the connections whose name contains a text."""
    named = ConnectionRow.name.icontains(name, autoescape=True)
    return database.scalar(select(func.count()).where(within(scope, ConnectionRow.id), named)) or 0


def find_by_name(database: Database, scope: Scope, name: str) -> frozenset[int]:
    """Find the connection with this name in any case; otherwise those whose name contains the text."""
    query = select(ConnectionRow.id).where(within(scope, ConnectionRow.id))
    exact = query.where(func.lower(ConnectionRow.name) == name.lower())
    partly = query.where(ConnectionRow.name.icontains(name, autoescape=True))
    return frozenset(database.scalars(exact) or database.scalars(partly))


def _status_query(scope: Scope, name: str, now: datetime) -> Select[*tuple[Any, ...]]:
    """Return the query: paused connections, then connections that need attention, then outages, each by name."""
    of_state = func.count().filter
    counts = (
        select(
            SyncJobRow.connection_id,
            of_state(SyncJobRow.state.in_(PENDING)).label("pending"),
            of_state(SyncJobRow.state == JobState.NEEDS_ATTENTION).label("needs_attention"),
        )
        .where(SyncJobRow.state.in_(UNFINISHED), within(scope, SyncJobRow.connection_id))
        .group_by(SyncJobRow.connection_id)
        .subquery()
    )
    numbers = [func.coalesce(each, 0).label(each.name) for each in (counts.c.pending, counts.c.needs_attention)]
    known = (ConnectionRow.id, ConnectionRow.name, ConnectionRow.paused_because, ConnectionRow.paused_by)
    named = select(*known, *status_columns(now), *numbers)
    named = named.outerjoin(counts, counts.c.connection_id == ConnectionRow.id)
    named = named.where(within(scope, ConnectionRow.id), ConnectionRow.name.icontains(name, autoescape=True))
    shown = named.cte().prefix_with("MATERIALIZED").c  # a state is long SQL: here it is evaluated once
    has_problem = or_(shown.state == ConnectionState.NEEDS_ATTENTION, shown.needs_attention > 0)
    urgency = case(
        (shown.state == ConnectionState.PAUSED, 0),
        (has_problem, 1),
        (shown.state == ConnectionState.OUTAGE, 2),
        else_=3,
    )
    return select(*shown).order_by(urgency, name_sort_key(shown.name))


def _synced(database: Database, ids: Iterable[int]) -> dict[int, dict[EntityType, datetime]]:
    query = select(LaneRow.connection_id, LaneRow.entity_type, LaneRow.synced_at)
    found: dict[int, dict[EntityType, datetime]] = {}
    for row in database.rows(query.where(LaneRow.connection_id.in_(ids), LaneRow.synced_at.is_not(None))):
        found.setdefault(row.connection_id, {})[EntityType(row.entity_type)] = row.synced_at
    return found


def _outage_causes(database: Database, ids: Iterable[int]) -> dict[int, str]:
    """Return the last error of each connection in an outage."""
    query = (
        select(SyncJobRow.connection_id, SyncJobRow.message)
        .where(SyncJobRow.connection_id.in_(ids), SyncJobRow.state == JobState.RETRYING)
        .ext(distinct_on(SyncJobRow.connection_id))
        .order_by(SyncJobRow.connection_id, SyncJobRow.completed_at.desc())
    )
    return {row.connection_id: row.message for row in database.rows(query)}
