"""Failing polls: the outages they detect and end, and one mail for each connection whose polls fail for hours.

A failing list is not an outage while its system responds to anything else: another list, or a synced record.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby

from i18n.formatting import OSLO
from i18n.messages import Message, joined, msg
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from models.database import Database
from models.enums import EntityType, plural_of
from models.inbox import circuit_breaker, cursors, leases
from models.inbox.cursors import FailingPoll
from sync.engine.outcomes import connection_problem
from sync.errors import ResponseTooLargeError, SyncError

SYNCED_WITHIN = timedelta(hours=1)
"""How long a synced record proves that its system responds, although a list fails."""

STALLED_AFTER = timedelta(hours=3)
"""How long polls fail before an alert is sent."""

UNPOLLED_AFTER = timedelta(days=2)
"""How long a connection may go without any poll: twice the longest interval that can be set."""


def record_failure(
    database: Database,
    connection: Connection,
    polled: Collection[EntityType],
    error: SyncError,
    *,
    now: datetime,
    jitter: float,
) -> None:
    """Count failed polls of these types if the error is an outage and the system has responded to nothing else."""
    problem = connection_problem(error)
    if not problem or problem.alert_type is not AlertType.OUTAGE or isinstance(error, ResponseTooLargeError):
        return
    if _is_silent(database, connection.id, polled, now=now):
        circuit_breaker.record_poll_failure(database, connection.id, problem, now=now, jitter=jitter)


def record_success(
    database: Database, connection: Connection, polled: Collection[EntityType], *, now: datetime
) -> None:
    """End an outage after successful polls of these types, unless the other system responds to no poll."""
    types = connection.settings.entity_types
    if not _is_silent(database, connection.id, types.difference(polled), now=now):
        circuit_breaker.record_poll_success(database, connection.id, entity_types=types, now=now)


def queue_alerts(database: Database, connections: Iterable[Connection], *, now: datetime) -> None:
    """Queue the alerts about stalled polls and about polls that succeed again."""
    known = {connection.id: connection for connection in connections}
    cursors.mark_unpolled(database, before=now - UNPOLLED_AFTER, now=now)
    stalled = sorted(cursors.take_stalled(database, before=now - STALLED_AFTER), key=lambda each: each.lane)
    for connection_id, polls in groupby(stalled, key=lambda each: each.lane.connection_id):
        if connection := known.get(connection_id):
            alert = Alert(
                type=AlertType.STALLED,
                title=connection.name,
                message=joined(*map(describe, polls), between=" "),
                remedy=msg("Changes there are missing until this works. Test the connection to see the cause."),
                recipients=connection.settings.error_emails,
            )
            alert_outbox.queue_connection_alert(database, connection_id, alert, now=now)
    for connection_id in cursors.take_recovered(database):
        if connection := known.get(connection_id):
            alert = Alert(
                type=AlertType.RECOVERED,
                title=connection.name,
                message=msg("Changes are being received again, including those made in the meantime."),
                remedy="",
                recipients=connection.settings.error_emails,
            )
            alert_outbox.queue_connection_alert(database, connection_id, alert, now=now)


def describe(poll: FailingPoll) -> Message:
    """Return since when an entity type has not been polled, and why."""
    since = poll.since.astimezone(OSLO)
    sentence = msg(
        "Changed {records} couldn't be read since {time}.",
        records=plural_of(poll.lane.entity_type),
        time=f"{since:%d.%m.%Y %H:%M}",
    )
    return joined(sentence, poll.problem, between=" ") if poll.problem else sentence


def _is_silent(database: Database, connection_id: int, types: Collection[EntityType], *, now: datetime) -> bool:
    """Return whether the last polls of all these types failed, and nothing was synced since or recently."""
    since = cursors.all_failing_since(database, connection_id, types)
    return since is not None and not leases.has_synced(
        database, connection_id, since=max(since, now - SYNCED_WITHIN)
    )
