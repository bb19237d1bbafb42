"""Stalled polls: one mail for each connection whose polls fail for hours, and one when they succeed again."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

from i18n.formatting import OSLO
from i18n.messages import Message, joined, msg
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from models.database import Database
from models.enums import plural_of
from models.inbox import cursors
from models.inbox.cursors import FailingPoll

STALLED_AFTER = timedelta(hours=3)
"""How long polls fail before an alert is sent."""

UNPOLLED_AFTER = timedelta(days=2)
"""How long a connection may go without any poll: twice the longest interval that can be set."""


def queue_alerts(database: Database, connections: Iterable[Connection], *, now: datetime) -> None:
    """Queue the alerts about stalled polls and about polls that succeed again."""
    known = {connection.id: connection for connection in connections}
    cursors.mark_unpolled(database, before=now - UNPOLLED_AFTER, now=now)
    stalled = sorted(cursors.take_stalled(database, before=now - STALLED_AFTER), key=lambda each: each.lane)
    for connection_id, polls in groupby(stalled, key=lambda each: each.lane.connection_id):
        if connection := known.get(connection_id):
            alert_outbox.queue_connection_alert(
                database, connection_id, _stalled_alert(connection, list(polls)), now=now
            )
    for connection_id in cursors.take_recovered(database):
        if connection := known.get(connection_id):
            alert_outbox.queue_connection_alert(database, connection_id, _recovered_alert(connection), now=now)


def describe(poll: FailingPoll) -> Message:
    """Return since when an entity type has not been polled, and why."""
    since = poll.since.astimezone(OSLO)
    sentence = msg(
        "Changed {records} couldn't be read since {time}.",
        records=plural_of(poll.lane.entity_type),
        time=f"{since:%d.%m.%Y %H:%M}",
    )
    return joined(sentence, poll.problem, between=" ") if poll.problem else sentence


def _stalled_alert(connection: Connection, polls: list[FailingPoll]) -> Alert:
    return Alert(
        type=AlertType.STALLED,
        title=connection.name,
        message=joined(*map(describe, polls), between=" "),
        remedy=msg("Changes there are missing until this works. Test the connection to see the cause."),
        recipients=connection.settings.error_emails,
    )


def _recovered_alert(connection: Connection) -> Alert:
    return Alert(
        type=AlertType.RECOVERED,
        title=connection.name,
        message=msg("Changes are being received again, including those made in the meantime."),
        remedy="",
        recipients=connection.settings.error_emails,
    )
