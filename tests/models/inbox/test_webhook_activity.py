from datetime import timedelta

from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, Lane
from models.inbox import webhook_intake
from tests.factories import NOW


def test_the_last_webhook_of_each_entity_type_is_known_to_the_minute(
    database: Database, connections: Connections, connection: Connection
) -> None:
    lane = Lane(connection.id, EntityType.INVOICE)
    for seconds in (0, 30, 90, 100):
        webhook_intake.record_activity(database, lane, now=NOW + timedelta(seconds=seconds))
    assert webhook_intake.latest_activity(database, connection.id) == {
        EntityType.INVOICE: NOW + timedelta(seconds=90)
    }
    connections.regenerate_token(connection.id, actor="kari", now=NOW)
    assert webhook_intake.latest_activity(database, connection.id) == {}
