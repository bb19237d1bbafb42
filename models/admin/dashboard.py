"""The overview: the jobs that need attention, and the connections' status, those with problems first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from models.admin.connection_list import (
    ConnectionState,
    HealthProblem,
    in_order,
    is_in,
    status_columns,
    with_status,
)
from models.connections.repository import NOT_STARTED
from models.database import Database
from models.enums import PENDING, UNFINISHED, EntityType, JobState, Scope
from models.schema.statements import within
from models.schema.tables import ConnectionRow, LaneRow, SyncJobRow

SIZE = 50
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
class Totals:
    """The number of connections, and of the jobs that are pending or need attention.

    Of the connections, some are not started, some are paused, and some have an open circuit breaker: their systems
    are ``in_outage`` or their requests ``rate_limited``.
    """

    connections: int
    not_started: int
    paused: int
    in_outage: int
    rate_limited: int
    pending: int
    needs_attention: int


def totals(database: Database, scope: Scope) -> Totals:
    count = func.count()
    paused, rests = ConnectionRow.paused_because != "", ConnectionRow.breaker_open_until.is_not(None)
    new, short = ConnectionRow.paused_because == NOT_STARTED, ConnectionRow.rate_limited_since.is_not(None)
    kinds = (
        count.filter(new),
        count.filter(paused, ~new),
        count.filter(rests, ~paused, ~short),
        count.filter(rests, ~paused, short),
    )
    connections = select(count, *kinds).where(within(scope, ConnectionRow.id))
    changes = select(SyncJobRow.state, count).where(
        SyncJobRow.state.in_(UNFINISHED), within(scope, SyncJobRow.connection_id)
    )
    with database.transaction() as session:
        there = session.execute(connections).one()
        states = dict(session.execute(changes.group_by(SyncJobRow.state)).all())
    return Totals(
        *there,
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


def connection_statuses(
    database: Database, scope: Scope, *, now: datetime, name: str = "", page: int = 1
) -> Sequence[ConnectionStatus]:
    """Return a page of the connections whose name contains a text, plus one if there is another page."""
    query = _status_query(scope, name, now).offset((page - 1) * SIZE).limit(SIZE + 1)
    with database.transaction() as session:
        rows = session.execute(query).all()
        synced = _synced(session, [row.id for row in rows])
        causes = _outage_causes(session, [row.id for row in rows if row.state == ConnectionState.OUTAGE])
    return [
        with_status(ConnectionStatus, row, outage_cause=causes.get(row.id, ""), synced=synced.get(row.id, {}))
        for row in rows
    ]


def count_connections(database: Database, scope: Scope, *, name: str = "") -> int:
    """Count the connections whose name contains a text."""
    named = ConnectionRow.name.icontains(name, autoescape=True)
    return database.scalar(select(func.count()).where(within(scope, ConnectionRow.id), named)) or 0


def _status_query(scope: Scope, name: str, now: datetime) -> Select[*tuple[Any, ...]]:
    """Return the query: paused connections first, then those that need attention, then outages, each by name."""
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
    waits, stuck = (
        func.coalesce(each, 0).label(each.name) for each in (counts.c.pending, counts.c.needs_attention)
    )
    paused, attention, rests = (
        is_in(state, now)
        for state in (ConnectionState.PAUSED, ConnectionState.NEEDS_ATTENTION, ConnectionState.OUTAGE)
    )
    trouble = case((paused, 0), (or_(attention, stuck > 0), 1), (rests, 2), else_=3)
    known = (ConnectionRow.id, ConnectionRow.name, ConnectionRow.paused_because, ConnectionRow.paused_by)
    shown = select(*known, *status_columns(now), waits, stuck)
    shown = shown.outerjoin(counts, counts.c.connection_id == ConnectionRow.id)
    shown = shown.where(within(scope, ConnectionRow.id), ConnectionRow.name.icontains(name, autoescape=True))
    return shown.order_by(trouble, in_order(ConnectionRow.name))


def _synced(session: Session, ids: Iterable[int]) -> dict[int, dict[EntityType, datetime]]:
    query = select(LaneRow.connection_id, LaneRow.entity_type, LaneRow.synced_at)
    found: dict[int, dict[EntityType, datetime]] = {}
    for row in session.execute(query.where(LaneRow.connection_id.in_(ids), LaneRow.synced_at.is_not(None))):
        found.setdefault(row.connection_id, {})[EntityType(row.entity_type)] = row.synced_at
    return found


def _outage_causes(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Return the last error of each connection in an outage."""
    query = (
        select(SyncJobRow.connection_id, SyncJobRow.message)
        .where(SyncJobRow.connection_id.in_(ids), SyncJobRow.state == JobState.RETRYING)
        .ext(distinct_on(SyncJobRow.connection_id))
        .order_by(SyncJobRow.connection_id, SyncJobRow.completed_at.desc())
    )
    return {row.connection_id: row.message for row in session.execute(query)}


def find_by_name(database: Database, scope: Scope, name: str) -> frozenset[int]:
    """Find the connection with this name in any case; otherwise those whose name contains the text."""
    query = select(ConnectionRow.id).where(within(scope, ConnectionRow.id))
    exact = query.where(func.lower(ConnectionRow.name) == name.lower())
    partly = query.where(ConnectionRow.name.icontains(name, autoescape=True))
    return frozenset(database.scalars(exact) or database.scalars(partly))
