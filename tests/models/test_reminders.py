from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import alerts, changes, due, finds, inbox, reminders
from models.alerts import Turn
from models.finds import Modified
from models.inbox import Settlement
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, State
from tests.factories import NOW, settings

if TYPE_CHECKING:
    from datetime import datetime

    from models.base import Database
    from models.connections import Connection, Connections
    from models.listing import ChangeView

DAY = timedelta(days=1)
INVOICE = Record(Kind.INVOICE, "9")


def attempt(database: Database, connection: Connection, outcome: Outcome, *, now: datetime = NOW) -> ChangeView:
    """Receive an invoice and settle it: in good order, or stuck."""
    state = State.STUCK if outcome is Outcome.FAILED else State.SETTLED
    inbox.receive(database, connection.id, [INVOICE], now=now)
    claim = inbox.claim(database, Lane(connection.id, Kind.INVOICE), most=1, now=now, until=now + DAY)
    assert claim
    settlement = Settlement(
        claim.changes[0].id, state, due_at=now, outcome=outcome, title="Invoice 1", message="Wrong."
    )
    inbox.settle(database, claim, [settlement], now=now)
    found = changes.find(database, connection.id, INVOICE)
    assert found
    return found


def only(change: ChangeView) -> Wanted:
    return Wanted(ids=frozenset({change.id}))


def told(database: Database) -> list[tuple[Turn, str]]:
    return [(each.turn, each.title) for each in alerts.unsent(database, "books@example.com")]


def test_what_needs_a_person_is_brought_to_mind_after_one_seven_and_fourteen_days(
    database: Database, connection: Connection
) -> None:
    attempt(database, connection, Outcome.FAILED)
    days = [n for n in range(30) if reminders.remind(database, now=NOW + n * DAY)]
    assert days == [1, 7, 14]
    assert told(database) == [(Turn.REMINDER, "Invoice 1")] * 3


def test_a_new_failure_of_the_same_record_does_not_start_the_days_anew(
    database: Database, connection: Connection
) -> None:
    attempt(database, connection, Outcome.FAILED)
    attempt(database, connection, Outcome.FAILED, now=NOW + DAY / 2)
    assert reminders.remind(database, now=NOW + DAY) == 1


def test_what_has_come_across_is_not_brought_to_mind(database: Database, connection: Connection) -> None:
    attempt(database, connection, Outcome.FAILED)
    attempt(database, connection, Outcome.SYNCED)
    assert reminders.remind(database, now=NOW + 20 * DAY) == 0


def test_a_person_takes_a_change_off_the_list_and_it_stays_off(database: Database, connection: Connection) -> None:
    stuck = attempt(database, connection, Outcome.FAILED)
    assert changes.close(database, only(stuck), because="Posted by hand", who="kari", now=NOW).count == 1
    inbox.receive(database, connection.id, [INVOICE], now=NOW)
    assert due.lanes(database, now=NOW) == []
    assert reminders.remind(database, now=NOW + 20 * DAY) == 0
    closed = changes.show(database, stuck.id)
    assert closed
    assert (closed.state, closed.closed_because) == (State.CLOSED, "Posted by hand (kari)")


def test_a_closed_change_can_be_opened_again(database: Database, connection: Connection) -> None:
    stuck = attempt(database, connection, Outcome.FAILED)
    changes.close(database, only(stuck), because="Posted by hand", who="kari", now=NOW)
    lanes = changes.retry(database, only(stuck), who="kari", now=NOW).lanes
    assert lanes == {Lane(connection.id, Kind.INVOICE)}


def test_a_settled_change_is_not_closed(database: Database, connection: Connection) -> None:
    settled = attempt(database, connection, Outcome.SYNCED)
    assert changes.close(database, only(settled), because="Posted by hand", who="kari", now=NOW).count == 0


@pytest.fixture
def weekly(connections: Connections) -> Connection:
    connection, _ = connections.add("Ukentlig AS", settings(weekly_digest=True), who="test", now=NOW)
    return connection


def test_the_week_tells_what_polls_found_without_a_notification(database: Database, weekly: Connection) -> None:
    lane, found = Lane(weekly.id, Kind.INVOICE), [Modified("9", NOW + 2 * DAY)]
    finds.note(database, lane, found, now=NOW + 3 * DAY)
    attempt(database, weekly, Outcome.SYNCED, now=NOW + 3 * DAY)
    reminders.digest(database, now=NOW + 7 * DAY)
    (told,) = [each.message for each in alerts.unsent(database, "books@example.com")]
    assert told.endswith("since Moment had sent no notification of them: 1.")


def test_who_wants_it_hears_once_a_week_how_it_went(
    database: Database, connection: Connection, weekly: Connection
) -> None:
    attempt(database, connection, Outcome.SYNCED)
    attempt(database, weekly, Outcome.SYNCED, now=NOW + 3 * DAY)
    days = [n for n in range(15) if reminders.digest(database, now=NOW + n * DAY)]
    assert days == [7, 14]
    messages = [each.message for each in alerts.unsent(database, "books@example.com")]
    assert messages == [
        f"Came across: customers 0, projects 0, invoices {n}, vouchers with costs 0. Records that need a person: 0."
        for n in (1, 0)
    ]
