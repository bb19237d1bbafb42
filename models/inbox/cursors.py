"""Cursors: how far each entity type of a connection has been polled, and the polls that fail."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from models.database import Database
from models.enums import EntityType, Lane
from models.inbox.due import syncs_type
from models.schema.statements import of_lane, upsert
from models.schema.tables import ConnectionRow, CursorRow, NightlyPollRow, SyncJobRow

CursorTable = type[CursorRow | NightlyPollRow]

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a cursor may be ahead of a clock that is roughly right."""

STEP_BACK = timedelta(days=1)
"""How far before now a cursor from the future is set back: it may have skipped changes since then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingPoll:
    """The polls of a lane that have failed since an instant (UTC), with the last problem."""

    lane: Lane
    since: datetime
    problem: str


def position(database: Database, lane: Lane) -> datetime | None:
    """Return the cursor (UTC): changes before it have been received. None before the first poll."""
    return database.scalar(select(CursorRow.position).where(of_lane(CursorRow, lane)))


def start(database: Database, lane: Lane, *, at: datetime, table: CursorTable = CursorRow) -> datetime:
    """Return the cursor; before the first poll, set it to ``at``, where it stays until a poll succeeds."""
    database.execute(insert(table).values(**asdict(lane), position=at).on_conflict_do_nothing())
    return database.scalar(select(table.position).where(of_lane(table, lane))) or at


def correct_future_position(database: Database, lane: Lane, *, now: datetime) -> None:
    """Set back a cursor that a wrong clock moved into the future; otherwise nothing would be polled until then."""
    ahead = and_(of_lane(CursorRow, lane), CursorRow.position > now + CLOCK_TOLERANCE)
    database.execute(update(CursorRow).where(ahead).values(position=now - STEP_BACK))


def positions(database: Database, entity_type: EntityType) -> Mapping[int, datetime]:
    """Return the cursors of an entity type by connection id, for connections that have been polled."""
    query = select(CursorRow.connection_id, CursorRow.position).where(CursorRow.entity_type == entity_type)
    return dict(database.rows(query))


def move(
    database: Database, lane: Lane, *, to: datetime, seen: datetime | None = None, table: CursorTable = CursorRow
) -> datetime | None:
    """Move the cursor to ``to`` (UTC), at most to PostgreSQL's time. Everything before must be in the inbox.

    If ``seen`` is given and the cursor is not there any longer, it stays: a faster poll, or a request to poll
    more, has moved it meanwhile.
    Return the new cursor, None if it stays.
    """
    values = {"position": func.least(to, func.clock_timestamp())}
    moved = upsert(table, asdict(lane), values, where=table.position == seen if seen else None)
    return database.scalar(moved.returning(table.position))


def failures(database: Database, lane: Lane) -> int:
    return database.scalar(select(CursorRow.failures).where(of_lane(CursorRow, lane))) or 0


def all_failing_since(database: Database, connection_id: int, types: Collection[EntityType]) -> datetime | None:
    """Return since when (UTC) all polls of these types have failed; None if the last poll of one has succeeded.

    Polls that failed because requests were used up do not count.
    """
    failed = func.max(CursorRow.failing_since).filter(CursorRow.failures > 0)
    of_types = and_(CursorRow.connection_id == connection_id, CursorRow.entity_type.in_(types))
    all_fail = failed > func.coalesce(func.max(CursorRow.polled_at), "-infinity")
    return database.scalar(select(failed).where(of_types).having(all_fail))


def record_failure(database: Database, lane: Lane, *, problem: str, counts: bool, now: datetime) -> None:
    """Save that a poll of a lane failed; ``counts`` is False if requests were used up.

    If the poll made progress before it failed, the failures begin with the next poll.
    """
    since = case((CursorRow.polled_at >= now, None), else_=func.coalesce(CursorRow.failing_since, now))
    values = {"failing_since": since, "failures": CursorRow.failures + int(counts), "problem": problem}
    database.execute(update(CursorRow).where(of_lane(CursorRow, lane)).values(values))


def record_progress(database: Database, lane: Lane, *, now: datetime, finished: bool) -> None:
    """Save that a poll made progress. Until one has ``finished``, the next one still requests less at a time."""
    failures = 0 if finished else func.least(CursorRow.failures, func.greatest(CursorRow.failures - 1, 1))
    values = {"polled_at": now, "failing_since": None, "failures": failures, "problem": ""}
    database.execute(update(CursorRow).where(of_lane(CursorRow, lane)).values(values))


def mark_unpolled(database: Database, *, before: datetime, now: datetime) -> None:
    """Mark polls as failing that have not run since ``before`` (UTC); unmark the polls of paused connections."""
    paused = select(ConnectionRow.id).where(ConnectionRow.paused_because != "")
    failing, unpolled = CursorRow.failing_since.is_not(None), CursorRow.polled_at < before
    with database.transaction() as session:
        unmarked = update(CursorRow).where(CursorRow.connection_id.in_(paused), failing)
        session.execute(unmarked.values(failing_since=None, failures=0, problem=""))
        marked = update(CursorRow).where(CursorRow.connection_id.not_in(paused), ~failing, unpolled)
        session.execute(marked.values(failing_since=now))


def take_stalled(database: Database, *, before: datetime) -> Sequence[FailingPoll]:
    """Return the polls that have failed since before an instant (UTC), once each, and mark them as alerted."""
    stalled = and_(CursorRow.failing_since < before, ~CursorRow.failure_alerted, _is_synced())
    taken = update(CursorRow).where(stalled).values(failure_alerted=True).returning(CursorRow)
    with database.transaction() as session:
        return [_failing(row) for row in session.scalars(taken)]


def take_recovered(database: Database) -> Sequence[int]:
    """Return the connections whose polls succeed again after an alert, once each."""
    over = and_(CursorRow.failing_since.is_(None), CursorRow.failures == 0, CursorRow.failure_alerted)
    with database.transaction() as session:
        taken = update(CursorRow).where(over).values(failure_alerted=False).returning(CursorRow.connection_id)
        return sorted(set(session.scalars(taken)))


def failing_polls(database: Database, connection_id: int, *, before: datetime) -> Sequence[FailingPoll]:
    query = select(CursorRow).where(
        CursorRow.connection_id == connection_id, CursorRow.failing_since < before, _is_synced()
    )
    with database.transaction() as session:
        return [_failing(row) for row in session.scalars(query.order_by(CursorRow.entity_type))]


def has_failing(*, before: datetime) -> ColumnElement[bool]:
    return exists().where(
        CursorRow.connection_id == ConnectionRow.id,
        CursorRow.failing_since < before,
        syncs_type(CursorRow.entity_type),
    )


def last_received(database: Database) -> Mapping[int, datetime]:
    """Return when (UTC) a job of each connection was last received, by connection id.

    It takes one index lookup for each lane, whatever the number of jobs, and locks nothing.
    """
    of_connection = select(func.max(SyncJobRow.received_at)).where(SyncJobRow.connection_id == ConnectionRow.id)
    of_lanes = (of_connection.where(SyncJobRow.entity_type == each).scalar_subquery() for each in EntityType)
    last = func.greatest(*of_lanes)  # PostgreSQL's greatest ignores NULLs
    rows = database.rows(select(ConnectionRow.id, last))
    return {connection_id: at for connection_id, at in rows if at}


def _is_synced() -> ColumnElement[bool]:
    """Return the SQL condition that a cursor's connection syncs its entity type; if not, it is not polled."""
    return exists().where(ConnectionRow.id == CursorRow.connection_id, syncs_type(CursorRow.entity_type))


def _failing(row: CursorRow) -> FailingPoll:
    return FailingPoll(
        lane=Lane(row.connection_id, EntityType(row.entity_type)),
        since=row.failing_since or row.position,  # never None by the queries above
        problem=row.problem,
    )
