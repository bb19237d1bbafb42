"""Due work: the lanes that have due jobs and no worker, and the jobs of a lane by state."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, and_, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import EntityType, JobState, Lane
from models.inbox import circuit_breaker
from models.schema.statements import of_lane
from models.schema.tables import ConnectionRow, LaneRow, SyncJobRow

DEFAULT_ENTITY_TYPES: frozenset[EntityType] = ConnectionSettings.model_fields["entity_types"].default
"""The entity types that are synced if the settings do not name any."""

_IS_LANE_OF_JOB = and_(
    LaneRow.connection_id == SyncJobRow.connection_id, LaneRow.entity_type == SyncJobRow.entity_type
)


def syncs_type(entity_type: SQLColumnExpression[str] | str) -> ColumnElement[bool]:
    """Return the SQL condition that a connection syncs an entity type."""
    types = func.coalesce(
        ConnectionRow.settings["entity_types"], literal(sorted(DEFAULT_ENTITY_TYPES), JSONB), type_=JSONB
    )
    name = literal(entity_type, Text) if isinstance(entity_type, str) else entity_type
    on: ColumnElement[bool] = types.has_key(name)
    return on


def may_probe(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a job may probe its half-open connection: its type is on and its lane free."""
    leased = exists().where(_IS_LANE_OF_JOB, LaneRow.lease_expires_at > now)
    return and_(circuit_breaker.may_probe(now), syncs_type(SyncJobRow.entity_type), ~leased)


def lanes(database: Database, *, now: datetime) -> Sequence[Lane]:
    """Return the lanes with work: due jobs without a worker, an expired lease, or the next probe."""
    idle = or_(LaneRow.lease_id.is_(None), LaneRow.lease_expires_at <= now)
    with database.transaction() as session:
        rows = session.execute(
            select(SyncJobRow.connection_id, SyncJobRow.entity_type)
            .join(
                ConnectionRow,
                and_(ConnectionRow.id == SyncJobRow.connection_id, circuit_breaker.is_available(now)),
            )
            .outerjoin(LaneRow, _IS_LANE_OF_JOB)
            .where(or_(LaneRow.entity_type.is_(None), idle))
            .where(
                or_(
                    and_(
                        SyncJobRow.due_at <= now,
                        syncs_type(SyncJobRow.entity_type),
                        ConnectionRow.breaker_open_until.is_(None),
                    ),
                    SyncJobRow.state == JobState.RUNNING,
                )
            )
            .group_by(SyncJobRow.connection_id, SyncJobRow.entity_type)
            .order_by(func.min(SyncJobRow.due_at).nulls_first())
        )
        found = [Lane(connection_id, EntityType(entity_type)) for connection_id, entity_type in rows]
        return list(dict.fromkeys([*found, *_probing_lanes(session, now=now)]))


def count(database: Database, lane: Lane, *, now: datetime) -> int:
    """Count the due and running jobs of a lane; none is due if its entity type is not synced."""
    query = select(func.count()).where(
        of_lane(SyncJobRow, lane),
        ConnectionRow.id == SyncJobRow.connection_id,
        or_(and_(SyncJobRow.due_at <= now, syncs_type(lane.entity_type)), SyncJobRow.state == JobState.RUNNING),
    )
    return database.scalar(query) or 0


def count_in(database: Database, lane: Lane, *states: JobState) -> int:
    query = select(func.count()).where(of_lane(SyncJobRow, lane), SyncJobRow.state.in_(states))
    return database.scalar(query) or 0


def states(database: Database, lane: Lane, record_ids: Sequence[str]) -> dict[str, JobState]:
    query = select(SyncJobRow.record_id, SyncJobRow.state).where(of_lane(SyncJobRow, lane))
    rows = database.rows(query.where(SyncJobRow.record_id.in_(record_ids)))
    return {row.record_id: JobState(row.state) for row in rows}


def _probing_lanes(session: Session, *, now: datetime) -> Iterator[Lane]:
    """Return the lane of the first job that may probe each half-open connection; usually there is none."""
    first = (
        select(SyncJobRow.entity_type)
        .where(SyncJobRow.connection_id == ConnectionRow.id, may_probe(now))
        .order_by(SyncJobRow.due_at, SyncJobRow.id)
        .limit(1)
        .correlate(ConnectionRow)
        .scalar_subquery()
    )
    half_open = select(ConnectionRow.id, first).where(circuit_breaker.is_half_open(now)).order_by(ConnectionRow.id)
    for connection_id, entity_type in session.execute(half_open):
        if entity_type:
            yield Lane(connection_id, EntityType(entity_type))
