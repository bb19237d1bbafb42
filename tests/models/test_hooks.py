from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from models import cursors, doubts, hooks, listing
from models.hooks import Received
from models.wanted import Wanted
from models.words import Kind, Lane, Record
from tests import factories

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connections

INVOICE, OTHER, COST = Record(Kind.INVOICE, "7"), Record(Kind.INVOICE, "8"), Record(Kind.EXPENSE, "7")


def test_what_travels_is_in_the_inbox_and_what_does_not_is_not(
    database: Database, connections: Connections
) -> None:
    connection, token = add(connections)
    assert receive(database, token, INVOICE) == Received(connection, noted=True)
    assert receive(database, token, INVOICE) == Received(connection, noted=True)
    assert receive(database, token, COST) == Received(connection, noted=False)
    assert [view.record for view in listing.latest(database, Wanted())] == [INVOICE]


def test_a_token_that_leads_nowhere_puts_nothing_into_the_inbox(
    database: Database, connections: Connections
) -> None:
    add(connections)
    assert receive(database, "guess", INVOICE) is None
    assert listing.latest(database, Wanted()) == []


def test_where_the_settings_do_not_say_what_travels_the_usual_kinds_do(
    database: Database, connections: Connections
) -> None:
    connection, token = add(connections)
    with database.transaction() as session:
        session.execute(text("update connections set settings = settings - 'kinds'"))
    assert receive(database, token, INVOICE) == Received(connection, noted=True)
    assert receive(database, token, COST) == Received(connection, noted=False)


def test_what_a_restored_lane_is_notified_of_is_in_doubt_until_a_poll_has_caught_up(
    database: Database, connections: Connections
) -> None:
    connection, token = add(connections)
    doubts.restored(database, connection_ids=None, since=None, who="test", now=factories.NOW)
    receive(database, token, INVOICE)
    cursors.move(database, Lane(connection, Kind.INVOICE), to=factories.NOW + timedelta(hours=1))
    receive(database, token, OTHER)
    with database.transaction() as session:
        rows = session.execute(text("select record_id, uncertain from changes order by id")).all()
    assert rows == [("7", True), ("8", False)]


def add(connections: Connections) -> tuple[int, str]:
    connection, token = connections.add("Firm", factories.settings(), who="test", now=factories.NOW)
    return connection.id, token


def receive(database: Database, token: str, record: Record) -> Received | None:
    return hooks.receive(database, token, record, now=factories.NOW)
