from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models import notifications
from models.words import Kind, Lane
from tests.factories import NOW

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection, Connections


def test_the_last_notification_of_each_kind_is_known_to_the_minute(
    database: Database, connections: Connections, connection: Connection
) -> None:
    lane = Lane(connection.id, Kind.INVOICE)
    for seconds in (0, 30, 90, 100):
        notifications.note(database, lane, now=NOW + timedelta(seconds=seconds))
    assert notifications.latest(database, connection.id) == {Kind.INVOICE: NOW + timedelta(seconds=90)}
    connections.new_token(connection.id, who="kari", now=NOW)
    assert notifications.latest(database, connection.id) == {}
