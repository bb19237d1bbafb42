"""Reminders of jobs that still need attention, and the weekly digest of connections that have it switched on."""

from datetime import datetime, timedelta

from sqlalchemy import case, exists, func, or_, select
from sqlalchemy.orm import Session

from i18n.formatting import OSLO
from i18n.messages import Day, Message, joined, msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert
from models.connections.repository import API_KEY_LIFETIME, NOT_STARTED
from models.database import Database
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import due, missed_webhooks
from models.inbox.job_updates import apply_events, concerns
from models.inbox.transitions import JobEvent, Occurrence
from models.schema.tables import AlertRow, AttemptRow, ConnectionRow, SyncJobRow

REMINDER_DELAYS = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
"""How long after a job began to need attention each reminder is sent."""

KEY_NOTICES = tuple(timedelta(days=days) for days in (30, 14, 3))
"""How long before the expiry of Moment's key each reminder is sent."""

OVERDUE_AFTER = timedelta(days=1)
"""How long a job is unfinished before an alert is sent: longer than any wait that resolves by itself."""

WEEK = timedelta(days=7)

_OVERDUE_REMEDY = msg(
    "It is retried automatically. See the record's page for what it is waiting for and what has been tried."
)


def queue_reminders(database: Database, *, now: datetime) -> int:
    """Queue the reminders that are due, and return the number of jobs."""
    delays = enumerate(REMINDER_DELAYS)
    remind_at = case(
        *((SyncJobRow.reminders == n, SyncJobRow.needs_attention_since + delay) for n, delay in delays),
        else_=None,
    )
    query = (
        select(SyncJobRow, ConnectionRow)
        .join(ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id)
        .where(SyncJobRow.state == JobState.NEEDS_ATTENTION, remind_at <= now)
        .with_for_update(of=SyncJobRow, skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.execute(query).all()
        for job, connection in rows:
            job.reminders += 1
            alert = _alert(AlertType.REMINDER, job, connection, message=job.message, remedy=job.remedy)
            queue_alert(session, connection.id, alert, job_id=job.id, now=now)
    return len(rows)


def queue_overdue(database: Database, *, now: datetime) -> int:
    """Queue one alert about each job that has been unfinished for too long, and return their number.

    It covers every unfinished job, including those that a person has retried. Connections in an alerted outage or
    a pause are left out, because people already know about them.
    """
    is_known = or_(
        ConnectionRow.paused_because != "", ConnectionRow.outage_alerted, ConnectionRow.rate_limit_alerted
    )
    alerted = exists().where(
        AlertRow.job_id == SyncJobRow.id,
        AlertRow.type == AlertType.OVERDUE,
        AlertRow.created_at >= SyncJobRow.unfinished_since,
    )
    query = (
        select(SyncJobRow, ConnectionRow)
        .join(ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id)
        .where(concerns(JobEvent.OVERDUE), SyncJobRow.unfinished_since <= now - OVERDUE_AFTER, ~alerted)
        .where(due.syncs_type(SyncJobRow.entity_type), ~is_known)
        .order_by(SyncJobRow.id)
        .with_for_update(of=SyncJobRow, skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.execute(query).all()
        for job, connection in rows:
            apply_events(job, Occurrence(event=JobEvent.OVERDUE, now=now))
            since = job.unfinished_since.astimezone(OSLO) if job.unfinished_since else job.received_at
            message = msg("It has been waiting to sync since {time}.", time=f"{since:%d.%m.%Y %H:%M}")
            if job.message:
                message = joined(message, job.message, between=" ")
            alert = _alert(AlertType.OVERDUE, job, connection, message=message, remedy=_OVERDUE_REMEDY)
            queue_alert(session, connection.id, alert, job_id=job.id, now=now)
    return len(rows)


def queue_key_reminders(database: Database, *, now: datetime) -> int:
    """Queue an alert 30, 14 and 3 days before the Moment key of a connection expires, and return their number.

    Each is queued once; if several are overdue, only the latest is.
    """
    ends = ConnectionRow.api_key_saved_at + API_KEY_LIFETIME
    query = (
        select(ConnectionRow)
        .where(ConnectionRow.paused_because != NOT_STARTED, ends > now, ends <= now + max(KEY_NOTICES))
        .order_by(ConnectionRow.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        return sum(_remind_of_key(session, connection, now) for connection in session.scalars(query).all())


def _remind_of_key(session: Session, connection: ConnectionRow, now: datetime) -> bool:
    assert connection.api_key_saved_at  # noqa: S101 - by the query
    ends = connection.api_key_saved_at + API_KEY_LIFETIME
    begun = max(ends - notice for notice in KEY_NOTICES if ends - notice <= now)
    alerted = exists().where(
        AlertRow.connection_id == connection.id, AlertRow.type == AlertType.API_KEY, AlertRow.created_at >= begun
    )
    if session.scalar(select(alerted)):
        return False
    alert = Alert(
        type=AlertType.API_KEY,
        title=msg("API key of {connection}", connection=connection.name),
        message=msg(
            "The Moment API key of {connection} expires on {day} at the latest. Nothing is synced after that.",
            connection=connection.name,
            day=Day(ends.astimezone(OSLO).date()),
        ),
        remedy=msg("Create a new API key in Moment, and enter it in the connection's settings."),
        recipients=connection.recipients,
    )
    queue_alert(session, connection.id, alert, job_id=None, now=now)
    return True


def queue_digests(database: Database, *, now: datetime) -> int:
    """Queue the digest of the last seven days for each connection that has it on and had none in that time."""
    is_on = ConnectionRow.settings["weekly_digest"].as_boolean()
    last = func.coalesce(ConnectionRow.digest_at, ConnectionRow.created_at)
    query = (
        select(ConnectionRow).where(is_on, last <= now - WEEK).with_for_update(skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.scalars(query).all()
        for connection in rows:
            connection.digest_at = now
            alert = Alert(
                type=AlertType.DIGEST,
                title=msg("Weekly summary for {connection}", connection=connection.name),
                message=_weekly_summary(session, connection.id, now),
                remedy="",
                recipients=connection.recipients,
            )
            queue_alert(session, connection.id, alert, job_id=None, now=now)
    return len(rows)


def _weekly_summary(session: Session, connection_id: int, now: datetime) -> Message:
    jobs = func.count(func.distinct(SyncJobRow.id))
    synced = (
        select(SyncJobRow.entity_type, jobs, jobs.filter(func.jsonb_array_length(AttemptRow.warnings) > 0))
        .join(AttemptRow, AttemptRow.job_id == SyncJobRow.id)
        .where(SyncJobRow.connection_id == connection_id, AttemptRow.at > now - WEEK)
        .where(AttemptRow.outcome == Outcome.SYNCED)
        .group_by(SyncJobRow.entity_type)
    )
    needs_attention = select(func.count()).where(
        SyncJobRow.connection_id == connection_id, SyncJobRow.state == JobState.NEEDS_ATTENTION
    )
    rows = session.execute(synced).all()
    counts = {EntityType(entity_type): count for entity_type, count, _ in rows}
    week = msg(
        "Synced customers: {customers}, projects: {projects}, invoices: {invoices}, cost vouchers: {expenses}. "
        "Records that need attention: {waiting}.",
        customers=counts.get(EntityType.CUSTOMER, 0),
        projects=counts.get(EntityType.PROJECT, 0),
        invoices=counts.get(EntityType.INVOICE, 0),
        expenses=counts.get(EntityType.EXPENSE, 0),
        waiting=session.scalar(needs_attention),
    )
    if warned := sum(count for *_, count in rows):
        week = msg("{week} Synced with warnings: {warned}.", week=week, warned=warned)
    missed = sum(missed_webhooks.count_last_week(session, connection_id, now=now).values())
    if not missed:
        return week
    return msg(
        "{week} Changes found by polling because Moment sent no webhook: {missed}.", week=week, missed=missed
    )


def _alert(type_: AlertType, job: SyncJobRow, connection: ConnectionRow, *, message: str, remedy: str) -> Alert:
    return Alert(
        type=type_,
        title=job.title or Record(EntityType(job.entity_type), job.record_id).name,
        message=message,
        remedy=remedy,
        recipients=connection.recipients,
        error_code=job.error_code,
    )
