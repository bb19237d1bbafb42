"""The state of the whole installation in numbers, for the metrics: a few cheap statements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from models.admin import dashboard
from models.database import Database
from models.enums import UNFINISHED, EntityType, JobState, Scope
from models.inbox import circuit_breaker, due
from models.receivers import deliveries
from models.schema.tables import AlertRow, BackupRow, ConnectionRow, CursorRow, NightlyPollRow, SyncJobRow


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The figures that are read from PostgreSQL; ages in seconds, 0 if there is nothing.

    ``jobs`` counts the unfinished jobs by entity type and state, and ``oldest`` is how long ago the first pending
    one was received. ``overdue`` is how long the first due job of a working connection has been due. ``alerts``
    have not been sent, the first of them for ``alerts_seconds``. ``deliveries`` of events are pending, the first
    of them for ``deliveries_seconds``. ``polls_failing`` is how long the polls of the worst lane have failed,
    ``nightly_polls`` the age of the oldest nightly poll. ``backup_seconds`` is the age of the last verified
    backup, None without one, and ``api_key_seconds`` the age of the oldest key of Moment among connections that
    are not paused.
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
    counted, overdue = _job_counts(database), _overdue(database, now=now)
    ((alerts, first),) = database.rows(unsent)
    waiting, since = deliveries.pending(database)
    failing, nights = _polls_failing(database), _nightly_polls(database, now=now)
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
            entity_type: max((age for (its, _), age in ages.items() if its is entity_type), default=0)
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
    """Count the unfinished jobs, and return when the first of them was received."""
    query = (
        select(SyncJobRow.entity_type, SyncJobRow.state, func.count(), func.min(SyncJobRow.received_at))
        .where(SyncJobRow.state.in_(UNFINISHED))
        .group_by(SyncJobRow.entity_type, SyncJobRow.state)
    )
    return {
        (EntityType(kind), JobState(state)): (number, first) for kind, state, number, first in database.rows(query)
    }


def _overdue(database: Database, *, now: datetime) -> dict[EntityType, datetime]:
    """Return since when the first job of each entity type has been due although only we delay it."""
    query = (
        select(SyncJobRow.entity_type, func.min(SyncJobRow.due_at))
        .join(ConnectionRow, and_(ConnectionRow.id == SyncJobRow.connection_id, circuit_breaker.is_available(now)))
        .where(SyncJobRow.due_at <= now, due.is_on(SyncJobRow.entity_type))
        .group_by(SyncJobRow.entity_type)
    )
    return {EntityType(kind): first for kind, first in database.rows(query) if first}


def _polls_failing(database: Database) -> dict[EntityType, datetime]:
    """Return since when the polls of each entity type have failed."""
    query = (
        select(CursorRow.entity_type, func.min(CursorRow.failing_since))
        .join(ConnectionRow, ConnectionRow.id == CursorRow.connection_id)
        .where(ConnectionRow.paused_because == "", due.is_on(CursorRow.entity_type))
        .group_by(CursorRow.entity_type)
    )
    return {EntityType(entity_type): since for entity_type, since in database.rows(query) if since}


def _nightly_polls(database: Database, *, now: datetime) -> dict[EntityType, datetime]:
    """Return the position of the oldest nightly poll among connections that work now."""
    query = (
        select(NightlyPollRow.entity_type, func.min(NightlyPollRow.position))
        .join(
            ConnectionRow,
            and_(ConnectionRow.id == NightlyPollRow.connection_id, circuit_breaker.is_available(now)),
        )
        .where(due.is_on(NightlyPollRow.entity_type))
        .group_by(NightlyPollRow.entity_type)
    )
    return {EntityType(entity_type): at for entity_type, at in database.rows(query)}


def _age(instant: datetime | None, *, now: datetime) -> float:
    return max((now - instant).total_seconds(), 0) if instant else 0
