"""The circuit breaker of a connection: while its systems do not answer it rests, and then one change is risked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select, update

from models import lingering
from models.alerts import queue
from models.locking import ALL_BUT_THE_KEY, locked
from models.tables import ChangeRow, ConnectionRow
from models.words import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from models.alerts import Alert
    from models.base import Database


@dataclass(frozen=True, slots=True)
class Outage:
    """How long a connection's systems have not answered: since when (UTC), and how many times in a row."""

    since: datetime
    failures: int


def works(now: datetime) -> ColumnElement[bool]:
    """Say in SQL that a connection is neither paused nor resting."""
    rested = or_(ConnectionRow.rests_until.is_(None), ConnectionRow.rests_until <= now)
    return and_(ConnectionRow.paused_because == "", rested)


def allowed(session: Session, connection_id: int, *, most: int, now: datetime, until: datetime) -> int:
    """Tell how many changes may be claimed: none of a connection that rests, and one to see whether it is over.

    The one that is risked keeps the connection at rest until ``until``, so that no other lane tries as well.
    """
    row = session.get(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
    if row is None or row.paused_because or (row.rests_until and row.rests_until > now):
        return 0
    if row.rests_until is None:
        return most
    row.rests_until = until
    return 1


def failed(
    database: Database,
    connection_id: int,
    *,
    now: datetime,
    rest: Callable[[Outage], timedelta],
    tell: Callable[[Outage], Alert | None],
) -> None:
    """Count an answer that says unavailable, rest as long as ``rest`` says, and queue once what ``tell`` says."""
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
        row.failures, row.short_since = row.failures + 1, None
        row.down_since = row.down_since or now
        outage = Outage(row.down_since, row.failures)
        wait = rest(outage)
        row.rests_until = now + wait if wait else None
        alert = None if row.down_told else tell(outage)
        if alert:
            row.down_told = True
            queue(session, connection_id, alert, change_id=None, now=now)


def rationed(
    database: Database,
    connection_id: int,
    *,
    now: datetime,
    until: datetime,
    tell: Callable[[datetime], Alert | None],
) -> None:
    """Rest until there are requests again, which is no failure of the systems, and queue once what ``tell`` says.

    ``tell`` is given since when (UTC) nothing has come across for want of requests.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
        row.short_since = row.short_since or now
        row.rests_until = until
        alert = None if row.short_told else tell(row.short_since)
        if alert:
            row.short_told = True
            queue(session, connection_id, alert, change_id=None, now=now)


def probed(database: Database, connection_id: int, *, now: datetime) -> None:
    """After a try that showed nothing, let the next one be risked at once."""
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
        if row.rests_until:
            row.rests_until = now


def answered(database: Database, connection_id: int, *, now: datetime, alert: Alert) -> None:
    """End an outage or a want of requests: what it held up is due, and those who were told get ``alert``.

    What may have been saved is due when its call has ended: a look before that would find nothing. Mostly there is
    nothing to end, and one look without a lock tells so.
    """
    if not _held_up(database, connection_id):
        return
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
        if not (row.failures or row.short_since):
            return
        if row.down_told or row.short_told:
            queue(session, connection_id, alert, change_id=None, now=now)
        row.failures, row.down_since, row.rests_until, row.down_told = 0, None, None, False
        row.short_since, row.short_told = None, False
        waits = and_(ChangeRow.connection_id == connection_id, ChangeRow.state == State.WAITING)
        held_up = and_(ChangeRow.outcome == Outcome.FAILED, ChangeRow.waits_for_kind.is_(None))
        later = locked(select(ChangeRow.id).where(waits, held_up, ChangeRow.due_at > now))
        session.execute(update(ChangeRow).where(ChangeRow.id.in_(later)).values(due_at=lingering.due(now)))


def _held_up(database: Database, connection_id: int) -> bool:
    troubled = or_(ConnectionRow.failures > 0, ConnectionRow.short_since.is_not(None))
    query = select(ConnectionRow.id).where(ConnectionRow.id == connection_id, troubled)
    with database.statement() as connection:
        return connection.scalar(query) is not None
