"""The circuit breaker of a connection: while its systems do not answer it rests, and then one change is risked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from models.connections.alert_outbox import Alert, queue_alert
from models.database import Database
from models.enums import JobState, Outcome
from models.inbox import verification_delay
from models.schema.locks import FOR_NO_KEY_UPDATE, locked
from models.schema.tables import ConnectionRow, SyncJobRow


@dataclass(frozen=True, slots=True)
class Outage:
    """How long a connection's systems have not answered: since when (UTC), and how many times in a row."""

    since: datetime
    failures: int


def is_available(now: datetime) -> ColumnElement[bool]:
    """Say in SQL that a connection is neither paused nor resting."""
    rested = or_(ConnectionRow.breaker_open_until.is_(None), ConnectionRow.breaker_open_until <= now)
    return and_(ConnectionRow.paused_because == "", rested)


def admit(session: Session, connection_id: int, *, limit: int, now: datetime, until: datetime) -> int:
    """Tell how many changes may be claimed: none of a connection that rests, and one to see whether it is over.

    The one that is risked keeps the connection at rest until ``until``, so that no other lane tries as well.
    """
    row = session.get(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
    if row is None or row.paused_because or (row.breaker_open_until and row.breaker_open_until > now):
        return 0
    if row.breaker_open_until is None:
        return limit
    row.breaker_open_until = until
    return 1


def record_failure(
    database: Database,
    connection_id: int,
    *,
    now: datetime,
    open_for: Callable[[Outage], timedelta],
    alert_for: Callable[[Outage], Alert | None],
) -> None:
    """Count an answer that says unavailable, rest as long as ``open_for`` says.

    And queue once what ``alert_for`` says.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        row.consecutive_failures, row.rate_limited_since = row.consecutive_failures + 1, None
        row.outage_since = row.outage_since or now
        outage = Outage(row.outage_since, row.consecutive_failures)
        wait = open_for(outage)
        row.breaker_open_until = now + wait if wait else None
        alert = None if row.outage_alerted else alert_for(outage)
        if alert:
            row.outage_alerted = True
            queue_alert(session, connection_id, alert, job_id=None, now=now)


def record_rate_limit(
    database: Database,
    connection_id: int,
    *,
    now: datetime,
    until: datetime,
    alert_for: Callable[[datetime], Alert | None],
) -> None:
    """Rest until there are requests again, which is no failure of the systems.

    And queue once what ``alert_for`` says.

    ``alert_for`` is given since when (UTC) nothing has come across for want of requests.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        row.rate_limited_since = row.rate_limited_since or now
        row.breaker_open_until = until
        alert = None if row.rate_limit_alerted else alert_for(row.rate_limited_since)
        if alert:
            row.rate_limit_alerted = True
            queue_alert(session, connection_id, alert, job_id=None, now=now)


def end_probe(database: Database, connection_id: int, *, now: datetime) -> None:
    """After a try that showed nothing, let the next one be risked at once."""
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        if row.breaker_open_until:
            row.breaker_open_until = now


def record_recovery(database: Database, connection_id: int, *, now: datetime, alert: Alert) -> None:
    """End an outage or a want of requests: what it held up is due, and those who were told get ``alert``.

    What may have been saved is due when its call has ended: a look before that would find nothing. Mostly there is
    nothing to end, and one look without a lock tells so.
    """
    if not _is_open(database, connection_id):
        return
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        if not (row.consecutive_failures or row.rate_limited_since):
            return
        if row.outage_alerted or row.rate_limit_alerted:
            queue_alert(session, connection_id, alert, job_id=None, now=now)
        row.consecutive_failures, row.outage_since, row.breaker_open_until, row.outage_alerted = (
            0,
            None,
            None,
            False,
        )
        row.rate_limited_since, row.rate_limit_alerted = None, False
        waits = and_(SyncJobRow.connection_id == connection_id, SyncJobRow.state == JobState.QUEUED)
        held_up = and_(SyncJobRow.outcome == Outcome.FAILED, SyncJobRow.dependency_type.is_(None))
        later = locked(select(SyncJobRow.id).where(waits, held_up, SyncJobRow.due_at > now))
        session.execute(
            update(SyncJobRow)
            .where(SyncJobRow.id.in_(later))
            .values(due_at=verification_delay.earliest_retry(now))
        )


def _is_open(database: Database, connection_id: int) -> bool:
    troubled = or_(ConnectionRow.consecutive_failures > 0, ConnectionRow.rate_limited_since.is_not(None))
    query = select(ConnectionRow.id).where(ConnectionRow.id == connection_id, troubled)
    with database.statement() as connection:
        return connection.scalar(query) is not None
