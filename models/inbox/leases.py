"""The inbox: where changes wait, who has them in hand, and how they left.

A lane is claimed as a whole, so that a record is in one worker's hands at a time. A claim that runs out
without a word belongs to a worker that vanished: what it had in hand is uncertain from then on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.connections.alert_outbox import Alert, queue_alert
from models.database import Database
from models.enums import SUCCESSFUL, EntityType, JobState, Lane, Outcome, Record
from models.inbox import circuit_breaker, links, statistics, verification_delay
from models.schema.locks import locked
from models.schema.search_terms import search_terms
from models.schema.tables import AttemptRow, LaneRow, SyncJobRow

CRASHED = "crashed"
"""The reason of a change whose last attempt ended in an error that nobody had foreseen."""


class LeaseLostError(Exception):
    """The lane is in another worker's hands by now: stop, and write nothing."""


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A change in a worker's hands, with what earlier attempts left behind.

    ``dependency`` is the record that it has been waiting for, unless that has got a link.
    """

    id: int
    record: Record
    failed_attempts: int = 0
    worker_crashes: int = 0
    outcome_unknown: bool = False
    alerted: bool = False
    title: str = ""
    received_at: datetime | None = None
    dependency: Record | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A batch of a lane's changes, oldest first, in one worker's hands until ``until`` (UTC) unless renewed."""

    id: UUID
    lane: Lane
    jobs: tuple[SyncJob, ...]


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How one change leaves a worker's hands. ``outcome`` is None for one that was given back untouched.

    ``calls`` are dataclasses that tell what was said to the remote systems in ``seconds``, and ``search_aliases``
    the names of others that the record is found by.
    """

    job_id: int
    state: JobState
    due_at: datetime
    failed_attempts: int = 0
    outcome_unknown: bool = False
    alerted: bool = False
    outcome: Outcome | None = None
    title: str = ""
    error_code: str = ""
    message: str = ""
    remedy: str = ""
    dependency: Record | None = None
    seconds: float = 0
    calls: tuple[Any, ...] = ()
    search_aliases: tuple[str, ...] = ()
    alert: Alert | None = None

    @property
    def is_success(self) -> bool:
        """Whether the attempt found or left the record in step."""
        return self.outcome in SUCCESSFUL


def acquire(database: Database, lane: Lane, *, limit: int, now: datetime, until: datetime) -> Lease | None:
    """Take a lane and up to ``limit`` of its due changes; None where nothing is due or another worker has it."""
    with database.transaction() as session:
        allowed = circuit_breaker.admit(session, lane.connection_id, limit=limit, now=now, until=until)
        if not allowed or not _lock_lane(session, lane, now=now):
            return None
        taken = _lock_due(session, lane, limit=allowed, now=now)
        if not taken:
            return None
        token = uuid4()
        session.execute(update(LaneRow).where(_is(LaneRow, lane)).values(lease_id=token, lease_expires_at=until))
        session.execute(
            update(SyncJobRow)
            .where(SyncJobRow.id.in_([row.id for row in taken]))
            .values(state=JobState.RUNNING, lease_id=token, leased_revision=SyncJobRow.revision)
        )
    return Lease(token, lane, tuple(_job(row) for row in taken))


def renew(database: Database, lease: Lease, *, until: datetime) -> None:
    """Keep the claim; called before each remote write. Raises :class:`LeaseLostError`."""
    held = and_(_is(LaneRow, lease.lane), LaneRow.lease_id == lease.id)
    kept = update(LaneRow).where(held).values(lease_expires_at=until).returning(LaneRow.entity_type)
    with database.statement() as connection:
        if connection.scalar(kept) is None:
            raise LeaseLostError(f"Another worker has taken over {lease.lane}.")


def complete(database: Database, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
    """Write down how the claim's changes left, with their attempts and alerts, and give the lane back.

    A change that was received again meanwhile waits anew. Raises :class:`LeaseLostError`, and then nothing is
    written.
    """
    synced = any(result.outcome is Outcome.SYNCED for result in results)
    linked = links.find_many(database, lease.lane, [job.record.id for job in lease.jobs])
    numbers = {moment_id: link.remote_id for moment_id, link in linked.items()}
    with database.transaction() as session:
        held = and_(_is(LaneRow, lease.lane), LaneRow.lease_id == lease.id)
        lane = update(LaneRow).where(held).values(lease_id=None, lease_expires_at=None)
        lane = lane.values(synced_at=now) if synced else lane
        if session.scalar(lane.returning(LaneRow.entity_type)) is None:
            raise LeaseLostError(f"Another worker has taken over {lease.lane}.")
        ids = [result.job_id for result in results]
        in_hand = select(SyncJobRow).where(SyncJobRow.id.in_(ids), SyncJobRow.lease_id == lease.id)
        rows = {row.id: row for row in session.scalars(locked(in_hand))}
        completed = [
            _complete_one(session, row, each, numbers, now=now)
            for each in results
            if (row := rows.get(each.job_id))
        ]
        ended = [
            (Outcome(row.outcome), now - row.received_at)
            for row in completed
            if row and row.outcome and not _still_waits(row)
        ]
        statistics.count_attempts(session, lease.lane.connection_id, ended, now=now)


def _lock_lane(session: Session, lane: Lane, *, now: datetime) -> bool:
    """Lock the lane's row for this transaction; False where a worker has the lane or is just taking it."""
    free = or_(LaneRow.lease_id.is_(None), LaneRow.lease_expires_at <= now)
    query = select(LaneRow.lease_id).where(_is(LaneRow, lane), free)
    found = session.execute(query.with_for_update(skip_locked=True, key_share=True)).one_or_none()
    if found:
        if found.lease_id:  # one that ran out; without any claim no change is in hand
            _release_expired(session, lane, now=now)
        return True
    row = {"connection_id": lane.connection_id, "entity_type": lane.entity_type}
    made = insert(LaneRow).values(row).on_conflict_do_nothing().returning(LaneRow.entity_type)
    return session.scalar(made) is not None  # the first time; a row of one's own is locked


def _release_expired(session: Session, lane: Lane, *, now: datetime) -> None:
    """Take back what a vanished worker had in hand; it may have been saved."""
    lost = locked(select(SyncJobRow.id).where(_is(SyncJobRow, lane), SyncJobRow.state == JobState.RUNNING))
    session.execute(
        update(SyncJobRow)
        .where(SyncJobRow.id.in_(lost))
        .values(
            state=JobState.QUEUED,
            outcome_unknown=True,
            worker_crashes=SyncJobRow.worker_crashes + 1,
            due_at=now,
            lease_id=None,
        )
    )


def _lock_due(session: Session, lane: Lane, *, limit: int, now: datetime) -> Sequence[SyncJobRow]:
    """Lock the oldest due changes; one whose last attempt ended oddly goes alone, to harm no other.

    One that is just being written to is left for the next claim: whoever writes to it nudges the lane afterwards.
    """
    due = and_(_is(SyncJobRow, lane), SyncJobRow.state == JobState.QUEUED, SyncJobRow.due_at <= now)
    oldest = select(SyncJobRow).where(due).order_by(SyncJobRow.due_at, SyncJobRow.id).limit(limit)
    rows = session.scalars(oldest.with_for_update(skip_locked=True, key_share=True)).all()
    return list(takewhile(lambda row: not _suspect(row), rows)) or rows[:1]


def _suspect(row: SyncJobRow) -> bool:
    return row.outcome_unknown or row.worker_crashes > 0 or row.error_code == CRASHED


def _complete_one(
    session: Session, row: SyncJobRow, result: AttemptResult, numbers: Mapping[str, str], *, now: datetime
) -> SyncJobRow | None:
    """Write down how one change left; its row where it was attempted."""
    again = row.revision > row.leased_revision and result.state is not JobState.QUEUED
    soon = now + verification_delay.VERIFICATION_DELAY if result.outcome_unknown else now
    row.state, row.due_at = (JobState.QUEUED, soon) if again else (result.state, result.due_at)
    row.lease_id, row.worker_crashes = None, 0
    row.failed_attempts, row.outcome_unknown, row.alerted = (
        result.failed_attempts,
        result.outcome_unknown,
        result.alerted,
    )
    dependency = result.dependency
    row.dependency_type, row.dependency_id = (
        (dependency.entity_type, dependency.id) if dependency else (None, None)
    )
    if result.outcome is None:
        return None
    if result.state is JobState.NEEDS_ATTENTION:
        row.needs_attention_since = row.needs_attention_since or now
    elif result.is_success:
        row.needs_attention_since, row.reminders = None, 0
    if result.title or not row.title:
        row.title = result.title
        row.search_terms = search_terms(
            row.title, row.record_id, numbers.get(row.record_id, ""), *result.search_aliases
        )
    row.outcome, row.completed_at = result.outcome, now
    row.error_code, row.message, row.remedy = result.error_code, result.message, result.remedy
    session.add(_attempt(result, now=now))
    if result.alert:
        queue_alert(session, row.connection_id, result.alert, job_id=row.id, now=now)
    return row


def _attempt(result: AttemptResult, *, now: datetime) -> AttemptRow:
    return AttemptRow(
        job_id=result.job_id,
        at=now,
        seconds=result.seconds,
        outcome=result.outcome or "",
        error_code=result.error_code,
        message=result.message,
        calls=[asdict(exchange) for exchange in result.calls],
    )


def _still_waits(row: SyncJobRow) -> bool:
    """Tell whether it waits for another record, which is no failure."""
    return row.state == JobState.QUEUED and row.dependency_type is not None


def _job(row: SyncJobRow) -> SyncJob:
    return SyncJob(
        id=row.id,
        record=Record(EntityType(row.entity_type), row.record_id),
        failed_attempts=row.failed_attempts,
        worker_crashes=row.worker_crashes,
        outcome_unknown=row.outcome_unknown,
        alerted=row.alerted,
        title=row.title,
        received_at=row.received_at,
        dependency=Record(EntityType(row.dependency_type), row.dependency_id or "")
        if row.dependency_type
        else None,
    )


def _is(table: type[LaneRow | SyncJobRow], lane: Lane) -> ColumnElement[bool]:
    return and_(table.connection_id == lane.connection_id, table.entity_type == lane.entity_type)
