"""The outbox of alerts: the alerts to each address, and the status of their delivery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, case, func, select, update
from sqlalchemy.orm import Session

from i18n.catalog import Language
from models.database import Database
from models.enums import EntityType, JobState
from models.schema.record_summary import RecordSummary
from models.schema.statements import build_from
from models.schema.tables import AlertRow, ConnectionRow, SyncJobRow
from models.schema.user_tables import UserRow

ALL_CONNECTIONS = "Moment ⇄ 24SevenOffice"
"""The name in an alert that is not about a single connection."""


class AlertType(StrEnum):
    """The types of alerts, the most urgent first.

    ``ACCOUNT`` is about a user's own account.
    ``NEEDS_ATTENTION``, ``REMINDER``, ``OVERDUE`` and ``RESOLVED`` are about a record: it needs attention, still
    needs attention, has been unfinished for too long, is in order again.
    ``PAUSED``, ``OUTAGE``, ``STALLED``, ``RATE_LIMITED`` and ``RECOVERED`` are about a connection: its settings
    must be corrected, its systems do not respond, its polls fail, its requests are used up, it works again.
    ``WEBHOOK``: its webhook names records that do not exist. ``API_KEY``: its Moment API key expires soon.
    ``RECEIVER`` is about an event receiver that was disabled, ``CLOCK`` about a server whose clock is wrong.
    ``DIGEST`` is a connection's weekly summary, ``RECONCILIATION`` its monthly reconciliation.
    """

    ACCOUNT = "account"
    PAUSED = "paused"
    CLOCK = "clock"
    NEEDS_ATTENTION = "needs_attention"
    REMINDER = "reminder"
    OVERDUE = "overdue"
    WEBHOOK = "webhook"
    API_KEY = "api_key"
    RECEIVER = "receiver"
    OUTAGE = "outage"
    STALLED = "stalled"
    RATE_LIMITED = "rate_limited"
    RECOVERED = "recovered"
    RESOLVED = "resolved"
    RECONCILIATION = "reconciliation"
    DIGEST = "digest"


class DeliveryStatus(StrEnum):
    """The end of an alert: sent in a mail, rejected by the mail server, or withdrawn because it is outdated."""

    SENT = "sent"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert: ``title`` names the record or connection, ``message`` the problem, ``remedy`` what to do.

    ``error_code`` identifies the cause; empty if the alert is not about an error.
    """

    type: AlertType
    title: str
    message: str
    remedy: str
    recipients: tuple[str, ...]
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class PendingAlert:
    """An alert that has not been sent, in the language of its connection or user; instants in UTC.

    ``connection_id`` is None for an alert about an account; ``job_id`` and ``entity_type`` are None for an alert
    about a whole connection. ``since`` is None if the record no longer needs attention.
    """

    id: int
    connection_id: int | None
    connection: str
    job_id: int | None
    type: AlertType
    title: str
    message: str
    remedy: str
    at: datetime
    entity_type: EntityType | None = None
    since: datetime | None = None
    error_code: str = ""
    language: Language = Language.NORWEGIAN
    summary: RecordSummary = field(default_factory=RecordSummary)


def queue_alert(
    session: Session, connection_id: int | None, alert: Alert, *, job_id: int | None, now: datetime
) -> None:
    """Queue an alert in the transaction of the change that it is about, once for each address."""
    session.add_all(
        AlertRow(
            connection_id=connection_id,
            job_id=job_id,
            recipient=address,
            type=alert.type,
            title=alert.title,
            message=alert.message,
            remedy=alert.remedy,
            error_code=alert.error_code,
            created_at=now,
        )
        for address in alert.recipients
    )


def queue_connection_alert(database: Database, connection_id: int, alert: Alert, *, now: datetime) -> None:
    with database.transaction() as session:
        queue_alert(session, connection_id, alert, job_id=None, now=now)


def recipients_due(database: Database, *, now: datetime, pause: timedelta) -> Sequence[str]:
    """Return the addresses with unsent alerts to which no mail was sent or rejected within ``pause``.

    Connections take turns, so that one with many alerts does not delay the others.
    """
    lately = select(AlertRow.recipient).where(
        AlertRow.ended_at > now - pause, AlertRow.status != DeliveryStatus.WITHDRAWN
    )
    first = func.min(AlertRow.id)
    due = (
        select(
            AlertRow.recipient,
            first.label("first"),
            func.row_number().over(partition_by=AlertRow.connection_id, order_by=first).label("turn"),
        )
        .where(AlertRow.ended_at.is_(None), AlertRow.recipient.not_in(lately))
        .group_by(AlertRow.recipient, AlertRow.connection_id)
        .subquery()
    )
    query = select(due.c.recipient).group_by(due.c.recipient)
    return database.scalars(query.order_by(func.min(due.c.turn), func.min(due.c.first)))


def pending_alerts(database: Database, recipient: str) -> Sequence[PendingAlert]:
    since = case((SyncJobRow.state == JobState.DISMISSED, None), else_=SyncJobRow.needs_attention_since)
    language = func.coalesce(ConnectionRow.settings["language"].astext, UserRow.language)
    name = func.coalesce(ConnectionRow.name, ALL_CONNECTIONS)
    query = (
        select(AlertRow, name, language, SyncJobRow, since)
        .outerjoin(ConnectionRow, ConnectionRow.id == AlertRow.connection_id)
        .outerjoin(UserRow, and_(UserRow.email == AlertRow.recipient, AlertRow.connection_id.is_(None)))
        .outerjoin(SyncJobRow, SyncJobRow.id == AlertRow.job_id)
        .where(AlertRow.recipient == recipient, AlertRow.ended_at.is_(None))
        .order_by(AlertRow.id)
    )
    with database.transaction() as session:
        return [
            build_from(
                PendingAlert,
                alert,
                connection=connection,
                type=AlertType(alert.type),
                at=alert.created_at,
                entity_type=EntityType(job.entity_type) if job else None,
                since=since,
                language=Language(language or Language.NORWEGIAN),
                summary=build_from(RecordSummary, job) if job else RecordSummary(),
            )
            for alert, connection, language, job, since in session.execute(query)
        ]


def record_delivery(
    database: Database, statuses: Mapping[int, DeliveryStatus], *, message_id: str, now: datetime
) -> None:
    """Save the status of alerts, by id; ``message_id`` is the mail with the alerts that were not withdrawn."""
    with database.transaction() as session:
        for status in DeliveryStatus:
            ended = AlertRow.id.in_([alert_id for alert_id, each in statuses.items() if each is status])
            mail = None if status is DeliveryStatus.WITHDRAWN else message_id
            session.execute(update(AlertRow).where(ended).values(status=status, ended_at=now, message_id=mail))
