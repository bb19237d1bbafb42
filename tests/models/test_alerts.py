from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from language.catalogue import Language
from models import alerts, changes, inbox
from models.alerts import Alert, Fate, Turn
from models.inbox import Settlement
from models.tables import AlertRow, ConnectionRow
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, State
from tests.factories import NOW, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.alerts import Unsent
    from models.base import Database
    from models.connections import Connection, Connections

PAUSE = timedelta(minutes=5)


def tell(database: Database, connection: Connection, title: str, *addresses: str) -> None:
    alerts.raise_alert(
        database,
        connection.id,
        Alert(Turn.PAUSED, title, "Wrong.", "Mend it.", addresses or ("a@example.com",)),
        now=NOW,
    )


def end(database: Database, address: str, fate: Fate) -> None:
    fates = {alert.id: fate for alert in alerts.unsent(database, address)}
    alerts.conclude(database, fates, message_id="<1@bridge>", now=NOW)


def stuck(database: Database, connection: Connection) -> Sequence[Unsent]:
    """Have a voucher need a person, and tell what one address is to be told."""
    inbox.receive(database, connection.id, [Record(Kind.EXPENSE, "9")], now=NOW)
    lane = Lane(connection.id, Kind.EXPENSE)
    claim = inbox.claim(database, lane, most=1, now=NOW, until=NOW + PAUSE)
    assert claim
    alert = Alert(Turn.WORSE, "Voucher 9", "Wrong.", "Mend it.", ("a@example.com",))
    settlement = Settlement(claim.changes[0].id, State.STUCK, NOW, outcome=Outcome.FAILED, alert=alert)
    inbox.settle(database, claim, [settlement], now=NOW)
    return alerts.unsent(database, "a@example.com")


def test_what_is_to_be_told_waits_for_each_address(database: Database, connection: Connection) -> None:
    tell(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    assert set(alerts.addresses_due(database, now=NOW, pause=PAUSE)) == {"a@example.com", "b@example.com"}
    (unsent,) = alerts.unsent(database, "a@example.com")
    assert (unsent.connection, unsent.title, unsent.turn, unsent.at) == ("Demo AS", "Invoice 1", Turn.PAUSED, NOW)


@pytest.mark.parametrize("fate", [Fate.SENT, Fate.REFUSED])
def test_an_address_is_left_in_peace_after_a_mail_and_then_told_all_at_once(
    database: Database, connection: Connection, fate: Fate
) -> None:
    tell(database, connection, "Invoice 1")
    end(database, "a@example.com", fate)
    tell(database, connection, "Invoice 2")
    tell(database, connection, "Invoice 3")
    assert alerts.addresses_due(database, now=NOW + timedelta(minutes=4), pause=PAUSE) == []
    assert alerts.addresses_due(database, now=NOW + PAUSE, pause=PAUSE) == ["a@example.com"]
    assert [each.title for each in alerts.unsent(database, "a@example.com")] == ["Invoice 2", "Invoice 3"]


@pytest.mark.parametrize("fate", list(Fate))
def test_nothing_is_told_twice_nor_tried_for_ever(database: Database, connection: Connection, fate: Fate) -> None:
    tell(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    end(database, "a@example.com", fate)
    assert alerts.addresses_due(database, now=NOW + 2 * PAUSE, pause=PAUSE) == ["b@example.com"]


def test_what_was_withdrawn_holds_up_no_mail(database: Database, connection: Connection) -> None:
    tell(database, connection, "Invoice 1")
    end(database, "a@example.com", Fate.WITHDRAWN)
    tell(database, connection, "Invoice 2")
    assert alerts.addresses_due(database, now=NOW, pause=PAUSE) == ["a@example.com"]


def test_to_whom_what_and_when_is_written_down(database: Database, connection: Connection) -> None:
    tell(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    end(database, "a@example.com", Fate.SENT)
    end(database, "b@example.com", Fate.WITHDRAWN)
    columns = (AlertRow.address, AlertRow.title, AlertRow.fate, AlertRow.ended_at, AlertRow.message_id)
    with database.transaction() as session:
        written = [tuple(row) for row in session.execute(select(*columns).order_by(AlertRow.id))]
    assert written == [
        ("a@example.com", "Invoice 1", "sent", NOW, "<1@bridge>"),
        ("b@example.com", "Invoice 1", "withdrawn", NOW, None),
    ]


def test_an_alert_about_a_record_tells_its_kind_and_since_when_it_needs_a_person(
    database: Database, connection: Connection
) -> None:
    (told,) = stuck(database, connection)
    assert (told.kind, told.since) == (Kind.EXPENSE, NOW)
    chosen = Wanted(ids=frozenset({told.change_id or 0}))
    changes.close(database, chosen, because="Posted by hand", who="kari", now=NOW)
    (told,) = alerts.unsent(database, "a@example.com")
    assert told.since is None


@pytest.mark.parametrize(
    ("kind", "name"), [(Kind.INVOICE, "Invoice 9 in Moment"), (Kind.EXPENSE, "Voucher 9 in 24SevenOffice")]
)
def test_a_record_that_nobody_has_read_is_named_by_where_it_comes_from(kind: Kind, name: str) -> None:
    assert Record(kind, "9").name == name


def test_an_alert_is_told_in_the_language_of_its_connection_and_with_its_reason(
    database: Database, connections: Connections
) -> None:
    english, _ = connections.add("Fjord AS", settings(language="en"), who="test", now=NOW)
    usual, _ = connections.add("Ås AS", settings(language="nb"), who="test", now=NOW)
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, usual.id)
        row.settings = {name: value for name, value in row.settings.items() if name != "language"}  # of before
    for each in (english, usual):
        alert = Alert(Turn.PAUSED, each.name, "Wrong.", "", ("a@example.com",), "moment_key")
        alerts.raise_alert(database, each.id, alert, now=NOW)
    told = [(each.language, each.reason) for each in alerts.unsent(database, "a@example.com")]
    assert told == [(Language.ENGLISH, "moment_key"), (Language.NORWEGIAN, "moment_key")]
