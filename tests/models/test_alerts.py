from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models import alerts
from models.alerts import Alert, Turn
from tests.factories import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from models.base import Database
    from models.connections import Connection

PAUSE = timedelta(minutes=5)


def tell(database: Database, connection: Connection, title: str, *addresses: str, now: datetime = NOW) -> None:
    alerts.raise_alert(
        database,
        connection.id,
        Alert(Turn.WORSE, title, "Wrong.", "Mend it.", addresses or ("a@example.com",)),
        now=now,
    )


def send(database: Database, address: str, *, now: datetime = NOW) -> None:
    alerts.mark_sent(database, alerts.unsent(database, address), message_id="<1@bridge>", now=now)


def test_what_is_to_be_told_waits_for_each_address(database: Database, connection: Connection) -> None:
    tell(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    assert set(alerts.addresses_due(database, now=NOW, pause=PAUSE)) == {"a@example.com", "b@example.com"}
    (unsent,) = alerts.unsent(database, "a@example.com")
    assert (unsent.connection, unsent.title, unsent.turn, unsent.at) == ("Demo AS", "Invoice 1", Turn.WORSE, NOW)


def test_an_address_is_left_in_peace_after_a_mail_and_then_told_all_at_once(
    database: Database, connection: Connection
) -> None:
    tell(database, connection, "Invoice 1")
    send(database, "a@example.com")
    tell(database, connection, "Invoice 2")
    tell(database, connection, "Invoice 3")
    assert alerts.addresses_due(database, now=NOW + timedelta(minutes=4), pause=PAUSE) == []
    assert alerts.addresses_due(database, now=NOW + PAUSE, pause=PAUSE) == ["a@example.com"]
    assert [each.title for each in alerts.unsent(database, "a@example.com")] == ["Invoice 2", "Invoice 3"]


def test_nothing_is_told_twice(database: Database, connection: Connection) -> None:
    tell(database, connection, "Invoice 1")
    send(database, "a@example.com")
    assert alerts.addresses_due(database, now=NOW + 2 * PAUSE, pause=PAUSE) == []
