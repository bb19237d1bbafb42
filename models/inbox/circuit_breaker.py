"""The circuit breaker of a connection: when it opens and closes, for how long, and which alerts that sends.

If a connection's systems do not respond, that is one problem, not one for each job. While the breaker is open, no
job is tried; half-open, it lets one job through; and one mail is sent. The state is in the connection's row.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from i18n.formatting import OSLO
from i18n.messages import Message, msg
from models.connections import repository
from models.connections.alert_outbox import Alert, AlertType, queue_alert
from models.database import Database
from models.enums import EntityType, JobState, Outcome
from models.inbox.job_updates import concerns
from models.inbox.transitions import VERIFICATION_DELAY, JobEvent
from models.receivers import outbox
from models.receivers.outbox import EventType, OutgoingEvent
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.tables import ConnectionRow, SyncJobRow

FAILURE_THRESHOLD = 3
"""Batches in a row that found a system unavailable before the breaker opens."""

FIRST_DELAY = timedelta(seconds=30)
MAX_DELAY = timedelta(minutes=5)

OUTAGE_ALERT_AFTER = timedelta(minutes=2)
"""How long an outage lasts before an alert is sent."""

RATE_LIMIT_ALERT_AFTER = timedelta(minutes=15)
"""How long nothing is synced because requests are used up before an alert is sent; short spells are normal."""


ProblemType: TypeAlias = Literal[AlertType.OUTAGE, AlertType.RATE_LIMITED, AlertType.PAUSED]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionProblem:
    """Why an attempt failed, if any other record of the connection would fail the same way.

    ``alert_type`` is the type of problem: an outage, a rate limit, or settings for which the connection pauses.
    ``retry_after`` is the minimum wait that the other system asks for, if any. ``held_back`` means that no request
    was sent, because the system does not respond to other connections either.
    """

    alert_type: ProblemType
    message: str
    remedy: str
    error_code: str
    retry_after: timedelta | None = None
    held_back: bool = False


def is_available(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a connection is not paused and its breaker is not open."""
    not_open = or_(ConnectionRow.breaker_open_until.is_(None), ConnectionRow.breaker_open_until <= now)
    return and_(ConnectionRow.paused_because == "", not_open)


class Admission(Enum):
    """How many jobs may be leased: none while the breaker is open, one that probes while half-open, else all."""

    NONE = auto()
    PROBE = auto()
    ALL = auto()


def admit(session: Session, connection_id: int, *, now: datetime) -> Admission:
    """Lock the connection and decide how many of its jobs may be leased."""
    row = session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
    if row is None or row.paused_because or (row.breaker_open_until and row.breaker_open_until > now):
        return Admission.NONE
    return Admission.PROBE if row.breaker_open_until else Admission.ALL


def is_half_open(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a connection's next job probes its breaker."""
    return and_(ConnectionRow.paused_because == "", ConnectionRow.breaker_open_until <= now)


def may_probe(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition for jobs that may probe a half-open connection: due, or delayed by the outage.

    A job that has probed since the open period ended waits until it is due. A job with an unknown outcome waits
    until its last call must have ended.
    """
    before = SyncJobRow.completed_at < ConnectionRow.breaker_open_until
    ended = or_(~SyncJobRow.outcome_unknown, SyncJobRow.completed_at <= now - VERIFICATION_DELAY)
    is_delayed = and_(concerns(JobEvent.RECOVERED), SyncJobRow.due_at.is_not(None))
    return or_(
        SyncJobRow.due_at <= now, and_(is_delayed, or_(SyncJobRow.completed_at.is_(None), and_(before, ended)))
    )


def record_batch(  # noqa: PLR0913 - keyword-only
    session: Session,
    connection_id: int,
    *,
    synced: bool,
    problems: Sequence[ConnectionProblem],
    seen: datetime | None = None,
    probe_until: datetime | None = None,
    now: datetime,
    jitter: float,
) -> bool:
    """Open or close the breaker, or pause the connection, after a batch. Return whether an outage has ended.

    Only a ``synced`` record proves that both systems respond: other records may have needed only one system, or
    none. ``probe_until`` is how long the batch has kept the breaker open, None if it was not a probe. The
    connection is not paused if its settings have changed since they were ``seen`` (their ``updated_at``).
    ``jitter``, from 0 up to 1, shortens the time that the breaker stays open by up to a quarter.
    """
    row = _lock_if_concerned(session, connection_id, synced=synced, problems=problems)
    if row is None:
        return False
    first = {problem.alert_type: problem for problem in reversed(problems)}
    misconfigured = first.get(AlertType.PAUSED)
    if misconfigured and seen in (None, row.updated_at):
        _pause(session, row, misconfigured, now=now)
    recovered = synced and not misconfigured and _record_recovery(session, row, now=now)
    if outage := first.get(AlertType.OUTAGE):
        if row.breaker_open_until == probe_until:
            row.breaker_open_until = None
        _record_failure(session, row, outage, now=now, jitter=jitter)
        return recovered  # the batch also synced something, so its failure is the first of an outage
    if rate_limit := first.get(AlertType.RATE_LIMITED):
        _record_rate_limit(session, row, rate_limit, now=now)
    elif row.breaker_open_until and row.breaker_open_until == probe_until:
        row.breaker_open_until = now  # the probe proved nothing: the next one follows at once
    return recovered


def record_poll_failure(
    database: Database, connection_id: int, problem: ConnectionProblem, *, now: datetime, jitter: float
) -> None:
    """Count a poll that failed with a ``problem`` of its connection, as :func:`record_batch` counts a batch."""
    with database.transaction() as session:
        record_batch(session, connection_id, synced=False, problems=[problem], now=now, jitter=jitter)


def record_poll_success(
    database: Database, connection_id: int, *, entity_types: Collection[EntityType], now: datetime
) -> None:
    """End an outage after a successful poll, unless a pending job of these types has failed in it.

    Such a job may need the other system, so it probes instead. No jobs are released, because no pending job has
    failed in the outage.
    """
    failing = and_(ConnectionRow.id == connection_id, ConnectionRow.consecutive_failures > 0)
    with database.transaction() as session:
        row = session.scalar(select(ConnectionRow).where(failing).with_for_update(key_share=True))
        if row and not row.paused_because and not _has_failed_job(session, row, entity_types):
            _record_recovery(session, row, now=now)


def is_delayed(connection_id: int, *, now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition for jobs that were delayed by an outage that is now over."""
    return and_(SyncJobRow.connection_id == connection_id, concerns(JobEvent.RECOVERED), SyncJobRow.due_at > now)


def pause(
    database: Database,
    connection_id: int,
    problem: ConnectionProblem,
    *,
    seen: datetime | None = None,
    now: datetime,
) -> bool:
    """Pause a connection whose settings are wrong, with one mail.

    Return False if it was paused already, or if its settings have changed since they were ``seen``.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        return seen in (None, row.updated_at) and _pause(session, row, problem, now=now)


def end_open_period(database: Database, connection_ids: Collection[int], *, now: datetime) -> None:
    """Allow one job at once if the breaker is open, because a person asks for it."""
    is_open = and_(ConnectionRow.id.in_(connection_ids), ConnectionRow.breaker_open_until > now)
    rows = select(ConnectionRow).where(is_open).order_by(ConnectionRow.id)
    with database.transaction() as session:
        for row in session.scalars(rows.with_for_update(key_share=True)):
            row.breaker_open_until = now


def open_duration(failures: int, *, jitter: float) -> timedelta:
    """Return how long the breaker opens: zero below the threshold, then growing, minus up to a quarter."""
    if failures < FAILURE_THRESHOLD:
        return timedelta()
    grown = FIRST_DELAY * 2.0 ** min(failures - FAILURE_THRESHOLD, 10)
    wait: timedelta = min(grown, MAX_DELAY)
    return wait * (1 - jitter / 4)


def _lock_if_concerned(
    session: Session, connection_id: int, *, synced: bool, problems: Sequence[ConnectionProblem]
) -> ConnectionRow | None:
    """Lock the connection's row if the batch changes it. Usually it does not, and no other lane has to wait."""
    troubled = or_(
        ConnectionRow.consecutive_failures > 0,
        ConnectionRow.rate_limited_since.is_not(None),
        ConnectionRow.pause_alerted,
    )
    probed = ConnectionRow.breaker_open_until.is_not(None)
    concerned: ColumnElement[bool] = true() if problems else troubled if synced else probed
    query = select(ConnectionRow).where(ConnectionRow.id == connection_id, concerned)
    return session.scalar(query.with_for_update(key_share=True))


def _has_failed_job(session: Session, row: ConnectionRow, entity_types: Collection[EntityType]) -> bool:
    """Return whether a job that has failed since the outage began is still pending."""
    pending = or_(concerns(JobEvent.RECOVERED), SyncJobRow.state == JobState.RUNNING)
    query = select(SyncJobRow.id).where(
        SyncJobRow.connection_id == row.id,
        SyncJobRow.entity_type.in_(entity_types),
        pending,
        SyncJobRow.outcome == Outcome.FAILED,
        SyncJobRow.completed_at >= row.outage_since,
    )
    return session.scalar(query.limit(1)) is not None


def _pause(session: Session, row: ConnectionRow, problem: ConnectionProblem, *, now: datetime) -> bool:
    message = msg("{problem} No data is lost: new records are queued.", problem=problem.message)
    alert = _alert(row, problem, message=message, remedy=problem.remedy)
    return repository.pause(session, row, problem.message, now=now, alert=alert)


def _record_failure(
    session: Session, row: ConnectionRow, problem: ConnectionProblem, *, now: datetime, jitter: float
) -> None:
    """Open the breaker for a growing time, but at least as long as a rate limit asks for."""
    limited_until = row.breaker_open_until if row.rate_limited_since else None
    # A job that was held back proves nothing new: the breaker opens, but for no longer than before.
    if not problem.held_back or row.consecutive_failures < FAILURE_THRESHOLD:
        row.consecutive_failures += 1
    row.outage_since = since = row.outage_since or now
    wait = max(open_duration(row.consecutive_failures, jitter=jitter), problem.retry_after or timedelta())
    row.breaker_open_until = now + wait if wait else None
    if limited_until and limited_until > now + wait:
        row.breaker_open_until = limited_until
    else:
        row.rate_limited_since = None
    is_long = row.consecutive_failures >= FAILURE_THRESHOLD and now - since >= OUTAGE_ALERT_AFTER
    if is_long and not (row.outage_alerted or row.paused_because):  # people already know about a pause
        row.outage_alerted = True
        remedy = msg("No action needed. Records are queued and retried automatically until they sync.")
        alert = _alert(row, problem, message=_nothing_since(since, problem), remedy=remedy)
        queue_alert(session, row.id, alert, job_id=None, now=now)
        data = {"since": since.isoformat(), "error_code": problem.error_code or None}
        outbox.record(session, row.id, [OutgoingEvent(EventType.CONNECTION_DOWN, data)], now=now)


def _record_rate_limit(session: Session, row: ConnectionRow, problem: ConnectionProblem, *, now: datetime) -> None:
    """Open the breaker until requests are available again. It does not count as a failure of the systems."""
    row.rate_limited_since = since = row.rate_limited_since or now
    row.breaker_open_until = now + (problem.retry_after or FIRST_DELAY)
    if now - since >= RATE_LIMIT_ALERT_AFTER and not row.rate_limit_alerted:
        row.rate_limit_alerted = True
        alert = _alert(row, problem, message=_nothing_since(since, problem), remedy=problem.remedy)
        queue_alert(session, row.id, alert, job_id=None, now=now)


def _record_recovery(session: Session, row: ConnectionRow, *, now: datetime) -> bool:
    """Close the breaker after an outage, rate limit or pause, with a mail if that was alerted; False otherwise."""
    if not (row.consecutive_failures or row.rate_limited_since or row.pause_alerted):
        return False
    if row.outage_alerted or row.rate_limit_alerted or row.pause_alerted:
        alert = Alert(
            type=AlertType.RECOVERED,
            title=row.name,
            message=msg("The connection has recovered, and queued records are being processed."),
            remedy="",
            recipients=row.recipients,
        )
        queue_alert(session, row.id, alert, job_id=None, now=now)
    if row.outage_alerted or row.pause_alerted:
        outbox.record(session, row.id, [OutgoingEvent(EventType.CONNECTION_RECOVERED)], now=now)
    row.consecutive_failures, row.outage_since, row.outage_alerted = 0, None, False
    row.rate_limited_since, row.rate_limit_alerted, row.pause_alerted = None, False, False
    row.breaker_open_until = None
    return True


def _nothing_since(since: datetime, problem: ConnectionProblem) -> Message:
    time = f"{since.astimezone(OSLO):%H:%M}"
    return msg("Nothing has synced since {time}. {problem}", time=time, problem=problem.message)


def _alert(row: ConnectionRow, problem: ConnectionProblem, *, message: Message, remedy: str) -> Alert:
    return Alert(
        type=problem.alert_type,
        title=row.name,
        message=message,
        remedy=remedy,
        recipients=row.recipients,
        error_code=problem.error_code,
    )
