"""Leases: a worker leases a lane with a batch of its jobs, renews the lease, and returns it with their results.

A lane is leased as a whole, so that only one worker processes a record at a time. A lease lasts
``LEASE_SECONDS``. If it expires, its worker has vanished, and the outcome of its running jobs is unknown.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.connections.alert_outbox import Alert, queue_alert
from models.database import Database
from models.enums import SUCCESSFUL, EntityType, JobState, Lane, Outcome, Record
from models.error_codes import CRASHED
from models.inbox import circuit_breaker, dependencies, due, statistics
from models.inbox.circuit_breaker import Admission, ConnectionProblem
from models.inbox.job_updates import apply_events, concerns, dependency_of, job_data, update_by
from models.inbox.transitions import JobEvent, Occurrence, transition
from models.receivers import outbox
from models.receivers.outbox import EventType, OutgoingEvent
from models.schema.locks import locked
from models.schema.record_summary import RecordSummary
from models.schema.search_terms import search_terms
from models.schema.statements import IS_LINK_OF_JOB, build_from, of_lane
from models.schema.tables import AttemptRow, ConnectionRow, LaneRow, LinkRow, SyncJobRow


class LeaseLostError(Exception):
    """Another worker has the lane now. Stop, and write nothing."""


class JobsRunningError(Exception):
    """A worker is running jobs of the connection."""


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A job that a worker has leased, with the state that earlier attempts left, as in :class:`SyncJobRow`.

    ``alerted`` is whether an alert was sent since it was last synced, ``needed_attention`` whether it has needed
    attention since. ``dependency`` is the record that it has been waiting for, unless that record has a link now.
    ``sent_as`` and ``sent_vat`` are "" if it was not posted or if that is unknown.
    """

    id: int
    record: Record
    failed_attempts: int = 0
    worker_crashes: int = 0
    outcome_unknown: bool = False
    alerted: bool = False
    needed_attention: bool = False
    title: str = ""
    processable_since: datetime | None = None
    attempted_at: datetime | None = None
    dependency: Record | None = None
    sent_as: str = ""
    sent_vat: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to a lane and a batch of its jobs, oldest first; it expires unless renewed.

    A lease that probes a half-open circuit breaker keeps the breaker open until ``probe_until``.
    """

    id: UUID
    lane: Lane
    jobs: tuple[SyncJob, ...]
    probe_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of an attempt: an ``event`` and its data. ``outcome`` is None if the job was not tried.

    ``due_at`` is the next attempt by backoff, or the recheck of a done job. ``warnings`` did not stop the sync;
    None keeps the previous ones. ``problem`` is a problem of the whole connection. ``calls`` are data classes that
    describe the remote calls, made in ``seconds``. ``search_aliases`` are other names by which the record is
    found. ``summary`` describes the record as it was read, None if it was not read.
    """

    job_id: int
    event: JobEvent
    due_at: datetime | None = None
    outcome_unknown: bool = False
    outcome: Outcome | None = None
    title: str = ""
    error_code: str = ""
    message: str = ""
    remedy: str = ""
    warnings: tuple[str, ...] | None = None
    dependency: Record | None = None
    problem: ConnectionProblem | None = None
    seconds: float = 0
    calls: tuple[Any, ...] = ()
    search_aliases: tuple[str, ...] = ()
    summary: RecordSummary | None = None
    alert: Alert | None = None

    @property
    def is_success(self) -> bool:
        return self.outcome in SUCCESSFUL

    @property
    def state(self) -> JobState:
        """The job's state after the attempt, unless its record was received meanwhile."""
        cell = transition(self.event, JobState.RUNNING)
        return (cell and cell.state) or JobState.RUNNING


def acquire(database: Database, lane: Lane, *, limit: int, now: datetime, until: datetime) -> Lease | None:
    """Lease a lane and up to ``limit`` of its due jobs; None if nothing is due or another worker has it.

    The connection's circuit breaker decides how many jobs may be taken. A probe is the oldest job of the whole
    connection, due or not.
    """
    with database.transaction() as session:
        admission = circuit_breaker.admit(session, lane.connection_id, now=now)
        if admission is Admission.NONE or not _lock_lane(session, lane, now=now):
            return None
        probes = admission is Admission.PROBE
        taken = _lock_probe(session, lane, now=now) if probes else _lock_due(session, lane, limit=limit, now=now)
        if not taken:
            return None
        if probes:  # the breaker stays open meanwhile, so that no other lane probes at the same time
            session.get_one(ConnectionRow, lane.connection_id).breaker_open_until = until
        token = uuid4()
        session.execute(
            update(LaneRow).where(of_lane(LaneRow, lane)).values(lease_id=token, lease_expires_at=until)
        )
        leased = update_by(JobEvent.LEASED, now=now, lease_id=token, leased_revision=SyncJobRow.revision)
        session.execute(leased.where(SyncJobRow.id.in_([row.id for row in taken])))
    probe_until = until if probes else None
    return Lease(id=token, lane=lane, jobs=tuple(_job(row) for row in taken), probe_until=probe_until)


def renew(database: Database, lease: Lease, *, until: datetime) -> None:
    """Renew the lease, before each remote write. Raises :class:`LeaseLostError`."""
    renewed = update(LaneRow).where(_has_lease(lease)).values(lease_expires_at=until)
    if database.scalar(renewed.returning(LaneRow.entity_type)) is None:
        raise _lease_lost_error(lease)


def last_synced(database: Database, lane: Lane) -> datetime | None:
    return database.scalar(select(LaneRow.synced_at).where(of_lane(LaneRow, lane)))


def has_synced(database: Database, connection_id: int, *, since: datetime) -> bool:
    """Return whether a record of a connection was synced after an instant (UTC), so both systems responded."""
    synced = and_(LaneRow.connection_id == connection_id, LaneRow.synced_at > since)
    return database.scalar(select(LaneRow.synced_at).where(synced).limit(1)) is not None


def expect_idle(session: Session, connection_id: int, *, now: datetime) -> None:
    """Raise JobsRunningError if a worker is running jobs of the connection."""
    leased = LaneRow.connection_id == connection_id, LaneRow.lease_expires_at > now
    if session.scalar(select(LaneRow.entity_type).where(*leased).limit(1)):
        raise JobsRunningError("A worker is processing some of its records. Try again in a few minutes.")


def save_sending(database: Database, job_ids: Sequence[int], *, sent_as: str, sent_vat: str) -> None:
    """Save how jobs are about to be sent, so that a later verification looks in the right place."""
    jobs = locked(select(SyncJobRow.id).where(SyncJobRow.id.in_(job_ids)))
    database.execute(update(SyncJobRow).where(SyncJobRow.id.in_(jobs)).values(sent_as=sent_as, sent_vat=sent_vat))


def complete(
    database: Database,
    lease: Lease,
    results: Sequence[AttemptResult],
    *,
    clock: Callable[[], datetime],
    jitter: float = 0,
    seen: datetime | None = None,
) -> set[Lane]:
    """Save the results of the jobs, one for each, release the lane, and wake the jobs that depend on the records.

    Jobs, attempts, alerts, circuit breaker and pause are written in one transaction. If the lease was lost,
    nothing is written and :class:`LeaseLostError` is raised. A job whose record was received meanwhile is due
    again.

    ``seen`` is the ``updated_at`` of the settings that the jobs ran with: if the settings were saved since, the
    connection is not paused. ``jitter``, from 0 up to 1, varies how long the circuit breaker stays open. Return
    the lanes that have work now.
    """
    now, lane = clock(), lease.lane
    with database.transaction() as session:
        # In the order of locks: the connection, the lane, jobs, statistics. The lane is free once this is
        # committed, and by then the connection must be paused, or another worker would try it once more.
        recovered = circuit_breaker.record_batch(
            session,
            lane.connection_id,
            synced=any(result.outcome is Outcome.SYNCED for result in results),
            problems=[result.problem for result in results if result.problem],
            seen=seen,
            probe_until=lease.probe_until,
            now=now,
            jitter=jitter,
        )
        _release(session, lease, results, now=now)
        if recovered:
            _release_delayed(session, lease, now=now)
        _complete_jobs(session, lease, results, now=now)
    woken = _wake(database, lease, results, now=now)
    # Checked after the lane is free, with the time of that moment: a record that is received later has its own
    # dispatch, which finds the lane free.
    due_now = database.scalar(select(SyncJobRow.id).where(_due(lane, now=clock())).limit(1))
    return woken if due_now is None else woken | {lane}


def uncount_crash(database: Database, lease: Lease, *, now: datetime) -> None:
    """Take back the crash that another worker counted for these jobs, because this worker had not vanished.

    A crash was counted if the job has more crashes than when it was leased. If only the response to ``complete``
    was lost, the lease has ended too, and no crash was counted.
    """
    event = JobEvent.WORKER_RETURNED
    conditions = [
        and_(SyncJobRow.id == job.id, SyncJobRow.worker_crashes > job.worker_crashes) for job in lease.jobs
    ]
    jobs = locked(select(SyncJobRow.id).where(or_(*conditions), concerns(event)))
    database.execute(update_by(event, now=now).where(SyncJobRow.id.in_(jobs)))


def _release(session: Session, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
    released = update(LaneRow).where(_has_lease(lease)).values(lease_id=None, lease_expires_at=None)
    if any(result.outcome is Outcome.SYNCED for result in results):
        released = released.values(synced_at=now)
    if session.scalar(released.returning(LaneRow.entity_type)) is None:
        raise _lease_lost_error(lease)


def _release_delayed(session: Session, lease: Lease, *, now: datetime) -> None:
    """Make the jobs due that an outage delayed, now that it is over.

    The lease's own jobs are locked in the same statement: if jobs were locked in two steps, two transactions could
    deadlock.
    """
    delayed = circuit_breaker.is_delayed(lease.lane.connection_id, now=now)
    own = SyncJobRow.id.in_([job.id for job in lease.jobs])
    ids = session.scalars(locked(select(SyncJobRow.id).where(or_(own, delayed)))).all()
    session.execute(update_by(JobEvent.RECOVERED, now=now).where(SyncJobRow.id.in_(ids), delayed))


def _complete_jobs(session: Session, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
    ids = [result.job_id for result in results]
    leased = select(SyncJobRow, LinkRow.remote_id).outerjoin(LinkRow, IS_LINK_OF_JOB)
    leased = leased.where(SyncJobRow.id.in_(ids), SyncJobRow.lease_id == lease.id)
    rows = {row.id: (row, number or "") for row, number in session.execute(locked(leased))}
    ended: list[tuple[Outcome, timedelta]] = []
    events: list[OutgoingEvent] = []
    for result in results:
        if result.job_id in rows:
            row, number = rows[result.job_id]
            begun = _processable_since(row)
            types = _event_types(row, result)
            _complete_one(session, row, result, number, now=now)
            events += [OutgoingEvent(each, job_data(row, revision=row.leased_revision)) for each in types]
            if result.outcome and row.state != JobState.WAITING:  # waiting is not a failure
                ended.append((result.outcome, now - begun))
    statistics.count_attempts(session, lease.lane.connection_id, ended, now=now)
    outbox.record(session, lease.lane.connection_id, events, now=now)


def _event_types(row: SyncJobRow, result: AttemptResult) -> Sequence[EventType]:
    """Return the events that receivers get about an attempt, given the job before it."""
    if result.state is JobState.NEEDS_ATTENTION:
        return [EventType.JOB_NEEDS_ATTENTION]
    if result.state is not JobState.DONE:
        return []
    before, after = (row.outcome, row.error_code), (result.outcome, result.error_code)
    # A job that is looked at repeatedly, such as a document waiting for approval, sends its event once.
    repeated = result.due_at and result.outcome is not Outcome.SYNCED and before == after
    recovered = [EventType.JOB_RECOVERED] if row.needs_attention_since else []
    return recovered if repeated else [EventType.JOB_DONE, *recovered]


def _wake(database: Database, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> set[Lane]:
    """Wake the jobs that waited for records that are now synced or never will be; return the lanes to dispatch.

    These lanes include those of the records that jobs of this lease wait for. It is not part of the transaction,
    because it locks jobs of other lanes outside the lock order of the lease's own. A crash before it only costs
    time: ``wake_satisfied`` does the same for all lanes, and every wait ends.
    """
    connection_id, records = lease.lane.connection_id, {job.id: job.record for job in lease.jobs}
    done = {records[result.job_id]: result.outcome for result in results if result.is_success}
    skipped = [record for record, outcome in done.items() if outcome is Outcome.SKIPPED]
    decided = {job.record for job in lease.jobs if job.needed_attention}
    dependencies.restart_waits(database, connection_id, decided & done.keys(), now=now)
    woken = dependencies.wake(database, connection_id, done.keys(), now=now)
    woken |= dependencies.end_wait(database, connection_id, skipped, now=now)
    waiting = (each for each in results if each.event is JobEvent.DEPENDENCY_PENDING)
    return woken | {Lane(connection_id, each.dependency.entity_type) for each in waiting if each.dependency}


def _lock_lane(session: Session, lane: Lane, *, now: datetime) -> bool:
    """Lock the lane's row for this transaction; False if a worker has the lane or is just leasing it."""
    free = or_(LaneRow.lease_id.is_(None), LaneRow.lease_expires_at <= now)
    query = select(LaneRow.lease_id).where(of_lane(LaneRow, lane), free)
    lane_row = session.execute(query.with_for_update(skip_locked=True, key_share=True)).one_or_none()
    if lane_row:
        if lane_row.lease_id:  # an expired lease; without a lease no job is running
            _release_expired(session, lane, now=now)
        return True
    made = insert(LaneRow).values(asdict(lane)).on_conflict_do_nothing().returning(LaneRow.entity_type)
    return session.scalar(made) is not None  # the lane's first lease; an inserted row is locked


def _release_expired(session: Session, lane: Lane, *, now: datetime) -> None:
    """Requeue the jobs that a vanished worker was running."""
    event = JobEvent.LEASE_EXPIRED
    lost = locked(select(SyncJobRow.id).where(of_lane(SyncJobRow, lane), concerns(event)))
    session.execute(update_by(event, now=now, lease_id=None).where(SyncJobRow.id.in_(lost)))


def _lock_due(session: Session, lane: Lane, *, limit: int, now: datetime) -> Sequence[SyncJobRow]:
    """Lock the oldest due jobs. A job whose last attempt ended abnormally is taken alone, to protect the others.

    A job that another transaction has locked is left for the next lease: that transaction dispatches the lane
    afterwards.
    """
    oldest = select(SyncJobRow).where(_due(lane, now=now)).order_by(SyncJobRow.due_at, SyncJobRow.id).limit(limit)
    rows = session.scalars(oldest.with_for_update(skip_locked=True, key_share=True)).all()
    suspect = {row.id for row in rows if row.outcome_unknown or row.worker_crashes or row.error_code == CRASHED}
    return list(takewhile(lambda row: row.id not in suspect, rows)) or rows[:1]


def _lock_probe(session: Session, lane: Lane, *, now: datetime) -> Sequence[SyncJobRow]:
    """Lock the job that is to probe the connection, if it is in this lane.

    It is the first job of all lanes: otherwise the only probes might be those of a job that always fails, in its
    own lane.
    """
    first = (
        select(SyncJobRow)
        .join(ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id)
        .where(SyncJobRow.connection_id == lane.connection_id, due.may_probe(now))
        .order_by(SyncJobRow.due_at, SyncJobRow.id)
        .limit(1)
    )
    rows = session.scalars(first.with_for_update(of=SyncJobRow, skip_locked=True, key_share=True)).all()
    return [row for row in rows if row.entity_type == lane.entity_type]


def _complete_one(session: Session, row: SyncJobRow, result: AttemptResult, number: str, *, now: datetime) -> None:
    """Save the result of one job, whose record has this ``number`` in the other system."""
    # A "resolved" alert follows an alert that was sent, perhaps only since the lease began.
    alert = result.alert if row.alerted or not result.is_success else None
    row.lease_id = None
    row.completed_at = now if result.outcome else row.completed_at
    events = [
        Occurrence(
            event=result.event,
            now=now,
            due_at=result.due_at,
            outcome_unknown=result.outcome_unknown,
            dependency=result.dependency,
        )
    ]
    if result.outcome and not _repeats(row, result):
        row.received_at = _begun_at(row)
    if row.revision > row.leased_revision:
        events.append(Occurrence(event=JobEvent.RECEIVED, now=now))
    apply_events(row, *events)
    if result.outcome is None:
        return
    if result.state is JobState.NEEDS_ATTENTION:
        row.needs_attention_since = row.needs_attention_since or now
    elif result.is_success:
        row.needs_attention_since, row.reminders = None, 0
    if result.title or not row.title:
        row.title = result.title
        row.search_terms = search_terms(row.title, row.record_id, number, *result.search_aliases)
    if result.summary:
        row.summarize(result.summary)
    message = result.message or (_last_effect(session, row) if result.outcome is Outcome.UNCHANGED else "")
    row.outcome = result.outcome
    row.error_code, row.message, row.remedy = result.error_code, message, result.remedy
    row.warnings = row.warnings if result.warnings is None else result.warnings
    session.add(_attempt(result, now=now))
    if alert:
        queue_alert(session, row.connection_id, alert, job_id=row.id, now=now)


def _begun_at(row: SyncJobRow) -> datetime:
    """Return when a record was last received; for an expense, since when its job is pending if that is later.

    Polls enqueue a voucher repeatedly, and ``received_at`` stays until the voucher has changed.
    """
    if row.entity_type != EntityType.EXPENSE or row.unfinished_since is None:
        return row.received_at
    return max(row.received_at, row.unfinished_since)


def _processable_since(row: SyncJobRow) -> datetime:
    """Return the time from which the job could be processed, not counting any wait for a person."""
    return max(row.received_at, row.unfinished_since or row.received_at)


def _repeats(row: SyncJobRow, result: AttemptResult) -> bool:
    """Return whether an attempt changed nothing and found the same as the previous one."""
    if result.summary not in (None, build_from(RecordSummary, row)):
        return False
    if result.outcome is Outcome.UNCHANGED:
        return True
    latest = (result.outcome, result.error_code, result.message)
    return result.outcome is not Outcome.SYNCED and latest == (row.outcome, row.error_code, row.message)


def _last_effect(session: Session, row: SyncJobRow) -> str:
    """Return the message of the last attempt that changed anything; an attempt without changes keeps it."""
    if row.outcome in (Outcome.SYNCED, Outcome.UNCHANGED):
        return row.message
    query = select(AttemptRow.message).where(AttemptRow.job_id == row.id, AttemptRow.outcome == Outcome.SYNCED)
    return session.scalar(query.order_by(AttemptRow.id.desc()).limit(1)) or ""


def _attempt(result: AttemptResult, *, now: datetime) -> AttemptRow:
    return AttemptRow(
        job_id=result.job_id,
        at=now,
        seconds=result.seconds,
        outcome=result.outcome or "",
        error_code=result.error_code,
        message=result.message,
        warnings=result.warnings or (),
        calls=[asdict(call) for call in result.calls],
    )


def _due(lane: Lane, *, now: datetime) -> ColumnElement[bool]:
    on = exists().where(ConnectionRow.id == lane.connection_id, due.syncs_type(lane.entity_type))
    return and_(of_lane(SyncJobRow, lane), SyncJobRow.due_at <= now, on)


def _lease_lost_error(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"Another worker has taken over {lease.lane}.")


def _has_lease(lease: Lease) -> ColumnElement[bool]:
    return and_(of_lane(LaneRow, lease.lane), LaneRow.lease_id == lease.id)


def _job(row: SyncJobRow) -> SyncJob:
    return SyncJob(
        id=row.id,
        record=Record(EntityType(row.entity_type), row.record_id),
        failed_attempts=row.failed_attempts,
        worker_crashes=row.worker_crashes,
        outcome_unknown=row.outcome_unknown,
        alerted=row.alerted,
        needed_attention=row.needs_attention_since is not None,
        title=row.title,
        processable_since=_processable_since(row),
        attempted_at=row.completed_at,
        dependency=dependency_of(row),
        sent_as=row.sent_as or "",
        sent_vat=row.sent_vat or "",
    )
