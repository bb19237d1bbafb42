"""The state of the whole installation in numbers, for the metrics: a few cheap statements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from models.admin import dashboard
from models.database import Database
from models.enums import UNFINISHED, EntityType, JobState, Scope
from models.inbox import circuit_breaker, due
from models.receivers import deliveries
from models.schema.tables import AlertRow, BackupRow, ConnectionRow, CursorRow, NightlyPollRow, SyncJobRow


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The figures that are read from PostgreSQL; ages in seconds, 0 if there is nothing to measure.

    ``jobs`` counts the unfinished jobs by entity type and state, and ``oldest`` is the age of the oldest pending
    job. ``overdue`` is how long the first due job of a working connection has been due. ``alerts`` counts unsent
    alerts, and ``alerts_seconds`` is the age of the oldest. ``deliveries`` counts pending deliveries of events,
    and ``deliveries_seconds`` is the age of the oldest. ``polls_failing`` is how long the polls of the worst lane
    have failed, ``nightly_polls`` the age of the oldest nightly poll. ``backup_seconds`` is the age of the last
    verified backup, None without one, and ``api_key_seconds`` the age of the oldest Moment API key among
    connections that are not paused.
    """

    totals: dashboard.Totals
    jobs: Mapping[tuple[EntityType, JobState], int]
    oldest: Mapping[EntityType, float]
    overdue: Mapping[EntityType, float]
    alerts: int
    alerts_seconds: float
    deliveries: int
    deliveries_seconds: float
    polls_failing: Mapping[EntityType, float]
    nightly_polls: Mapping[EntityType, float]
    backup_seconds: float | None
    api_key_seconds: float


def read(database: Database, *, now: datetime) -> MetricsSnapshot:
    totals = dashboard.totals(database, Scope())
    unsent = select(func.count(), func.min(AlertRow.created_at)).where(AlertRow.ended_at.is_(None))
    counted, is_available = _job_counts(database), circuit_breaker.is_available(now)
    ((alerts, first),) = database.rows(unsent)
    waiting, since = deliveries.pending(database)
    overdue = _first(database, SyncJobRow, SyncJobRow.due_at, is_available, SyncJobRow.due_at <= now)
    failing = _first(database, CursorRow, CursorRow.failing_since, ConnectionRow.paused_because == "")
    nights = _first(database, NightlyPollRow, NightlyPollRow.position, is_available)
    verified_at = database.scalar(select(func.max(BackupRow.verified_at)))
    saved_at = database.scalar(
        select(func.min(ConnectionRow.api_key_saved_at)).where(ConnectionRow.paused_because == "")
    )
    ages = {key: _age(at, now=now) for key, (_, at) in counted.items() if key[1] is not JobState.NEEDS_ATTENTION}
    return MetricsSnapshot(
        totals,
        jobs={
            (entity_type, state): counted.get((entity_type, state), (0, now))[0]
            for entity_type in EntityType
            for state in UNFINISHED
        },
        oldest={
            entity_type: max((age for (type_, _), age in ages.items() if type_ is entity_type), default=0)
            for entity_type in EntityType
        },
        overdue={entity_type: _age(overdue.get(entity_type), now=now) for entity_type in EntityType},
        alerts=alerts,
        alerts_seconds=_age(first, now=now),
        deliveries=waiting,
        deliveries_seconds=_age(since, now=now),
        polls_failing={each: _age(failing.get(each), now=now) for each in EntityType},
        nightly_polls={each: _age(nights.get(each), now=now) for each in EntityType},
        backup_seconds=_age(verified_at, now=now) if verified_at else None,
        api_key_seconds=_age(saved_at, now=now),
    )


def _job_counts(database: Database) -> dict[tuple[EntityType, JobState], tuple[int, datetime]]:
    """Return the number of unfinished jobs and when the first was received, by entity type and state."""
    query = (
        select(SyncJobRow.entity_type, SyncJobRow.state, func.count(), func.min(SyncJobRow.received_at))
        .where(SyncJobRow.state.in_(UNFINISHED))
        .group_by(SyncJobRow.entity_type, SyncJobRow.state)
    )
    return {
        (EntityType(entity_type), JobState(state)): (number, first)
        for entity_type, state, number, first in database.rows(query)
    }


def _first(
    database: Database,
    table: type[CursorRow | NightlyPollRow | SyncJobRow],
    instant: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    *conditions: ColumnElement[bool],
) -> dict[EntityType, datetime]:
    """Return the first instant of each entity type that its connection syncs."""
    query = (
        select(table.entity_type, func.min(instant))
        .join(ConnectionRow, ConnectionRow.id == table.connection_id)
        .where(due.syncs_type(table.entity_type), *conditions)
        .group_by(table.entity_type)
    )
    return {EntityType(entity_type): first for entity_type, first in database.rows(query) if first}


def _age(instant: datetime | None, *, now: datetime) -> float:
    return max((now - instant).total_seconds(), 0) if instant else 0
