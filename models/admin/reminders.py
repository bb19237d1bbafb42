"""Reminders of what still needs a person, and the digest of a week for those who want one."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert
from models.database import Database
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import missed_webhooks
from models.schema.tables import AttemptRow, ConnectionRow, SyncJobRow

REMINDER_DELAYS = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
"""How long after a change began to need a person each reminder of it is sent."""

WEEK = timedelta(days=7)


def queue_reminders(database: Database, *, now: datetime) -> int:
    """Queue the reminders that are due, and tell how many changes they are about."""
    lengths = enumerate(REMINDER_DELAYS)
    due = case(
        *((SyncJobRow.reminders == n, SyncJobRow.needs_attention_since + after) for n, after in lengths),
        else_=None,
    )
    query = (
        select(SyncJobRow, ConnectionRow)
        .join(ConnectionRow, ConnectionRow.id == SyncJobRow.connection_id)
        .where(SyncJobRow.state == JobState.NEEDS_ATTENTION, due <= now)
        .with_for_update(of=SyncJobRow, skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.execute(query).all()
        for job, connection in rows:
            job.reminders += 1
            title = job.title or Record(EntityType(job.entity_type), job.record_id).name
            addresses = tuple(connection.settings["error_emails"])
            alert = Alert(AlertType.REMINDER, title, job.message, job.remedy, addresses, job.error_code)
            queue_alert(session, connection.id, alert, job_id=job.id, now=now)
    return len(rows)


def queue_digests(database: Database, *, now: datetime) -> int:
    """Queue the digest of the last seven days for each connection that wants one and had none in that time."""
    wanted = ConnectionRow.settings["weekly_digest"].as_boolean()
    last = func.coalesce(ConnectionRow.digest_at, ConnectionRow.created_at)
    query = (
        select(ConnectionRow).where(wanted, last <= now - WEEK).with_for_update(skip_locked=True, key_share=True)
    )
    with database.transaction() as session:
        rows = session.scalars(query).all()
        for connection in rows:
            connection.digest_at = now
            title = msg("The week at {connection}", connection=connection.name)
            week, addresses = _week(session, connection.id, now), tuple(connection.settings["error_emails"])
            alert = Alert(AlertType.DIGEST, title, week, remedy="", recipients=addresses)
            queue_alert(session, connection.id, alert, job_id=None, now=now)
    return len(rows)


def _week(session: Session, connection_id: int, now: datetime) -> Message:
    came = (
        select(SyncJobRow.entity_type, func.count(func.distinct(SyncJobRow.id)))
        .join(AttemptRow, AttemptRow.job_id == SyncJobRow.id)
        .where(SyncJobRow.connection_id == connection_id, AttemptRow.at > now - WEEK)
        .where(AttemptRow.outcome == Outcome.SYNCED)
        .group_by(SyncJobRow.entity_type)
    )
    stuck = select(func.count()).where(
        SyncJobRow.connection_id == connection_id, SyncJobRow.state == JobState.NEEDS_ATTENTION
    )
    counts = {EntityType(kind): count for kind, count in session.execute(came)}
    week = msg(
        "Came across: customers {customers}, projects {projects}, invoices {invoices}, vouchers with costs "
        "{expenses}. Records that need a person: {waiting}.",
        customers=counts.get(EntityType.CUSTOMER, 0),
        projects=counts.get(EntityType.PROJECT, 0),
        invoices=counts.get(EntityType.INVOICE, 0),
        expenses=counts.get(EntityType.EXPENSE, 0),
        waiting=session.scalar(stuck),
    )
    missed = sum(missed_webhooks.count_last_week(session, connection_id, now=now).values())
    if not missed:
        return week
    return msg(
        "{week} Changes that a poll found, since Moment had sent no notification of them: {missed}.",
        week=week,
        missed=missed,
    )
