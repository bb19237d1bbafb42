"""Limits a webhook whose URL has leaked, because every made-up record costs a request and a row.

While a webhook is limited, new records are left to the polls of Moment, so nothing is lost.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert
from models.database import Database
from models.enums import JobState
from models.error_codes import GONE
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.tables import ConnectionRow, SyncJobRow

MAX_NONEXISTENT = 100
"""Records that Moment never had, in a day, after which the webhook is limited and an alert is sent."""

MAX_UNTRIED = 5000
"""Untried records after which the webhook is limited too: they may be real, from an import."""

DAY = timedelta(days=1)

KNOWN_RECORD_INTERVAL = timedelta(minutes=1)
"""The shortest time between two reads of a known record while the webhook is limited; polls find its changes."""

UNTRIED_LIMIT = timedelta(minutes=10)
"""How long untried records keep a webhook limited; the limit is renewed while there are as many."""


def limit_if_flooded(database: Database, connection_id: int, *, now: datetime) -> bool:
    """Limit the webhook of a connection if it names too many records that do not exist, or too many at once.

    Records from before the webhook had its present URL do not count. Return whether it was limited by this call.
    """
    made_up = and_(SyncJobRow.error_code == GONE, SyncJobRow.title == "", SyncJobRow.completed_at > now - DAY)
    untried = and_(SyncJobRow.state == JobState.QUEUED, SyncJobRow.completed_at.is_(None))
    with database.transaction() as session:
        if made_at := session.scalar(
            select(ConnectionRow.webhook_token_at).where(ConnectionRow.id == connection_id)
        ):
            made_up, untried = (and_(which, SyncJobRow.received_at >= made_at) for which in (made_up, untried))
        if _has(session, connection_id, made_up, at_least=MAX_NONEXISTENT):
            return _limit(session, connection_id, until=now + DAY, alert=True, now=now)
        if _has(session, connection_id, untried, at_least=MAX_UNTRIED):
            return _limit(session, connection_id, until=now + UNTRIED_LIMIT, alert=False, now=now)
    return False


def _has(session: Session, connection_id: int, which: ColumnElement[bool], *, at_least: int) -> bool:
    some = select(SyncJobRow.id).where(SyncJobRow.connection_id == connection_id, which).limit(at_least)
    return session.scalar(select(func.count()).select_from(some.subquery())) == at_least


def _limit(session: Session, connection_id: int, *, until: datetime, alert: bool, now: datetime) -> bool:
    row = session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
    if row is None or (row.webhook_limited_until and row.webhook_limited_until > now):
        return False
    row.webhook_limited_until = until
    if alert:
        flooded = Alert(
            type=AlertType.WEBHOOK,
            title=row.name,
            message=msg(
                "In one day, the webhook received {number} records that don't exist in Moment. Someone else may "
                "know its URL. For a day, new records are only picked up by polling, which may take a few "
                "minutes longer.",
                number=MAX_NONEXISTENT,
            ),
            remedy=msg("Generate a new webhook URL on the connection's page and enter it in Moment."),
            recipients=row.recipients,
        )
        queue_alert(session, connection_id, flooded, job_id=None, now=now)
    return True
