from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from language.said import say
from models import audit, changes, due, inbox, listing
from models.changes import HANDLED, UNWANTED, Acted
from models.paging import Key
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, Scope, State
from tests.factories import NOW, settings
from tests.models.lanes import INVOICE, settled

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection, Connections
    from models.listing import ChangeView

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def stuck(database: Database, connection: Connection) -> ChangeView:
    """An invoice that needs a person."""
    return settled(
        database,
        connection.id,
        state=State.STUCK,
        title=say("Invoice {name}", name="1024"),
        reason="account",
        message="The account 3999 is unknown.",
        remedy="Open it.",
    )


def only(change: ChangeView) -> Wanted:
    return Wanted(ids=frozenset({change.id}))


def see(database: Database, change: ChangeView) -> ChangeView:
    found = changes.show(database, change.id)
    assert found
    return found


def close(database: Database, wanted: Wanted) -> Acted:
    return changes.close(database, wanted, because=HANDLED, who="kari", now=LATER)


def test_what_is_tried_again_is_due_at_once(database: Database, stuck: ChangeView) -> None:
    acted = changes.retry(database, only(stuck), who="kari", now=LATER)
    assert acted == Acted(1, frozenset({Lane(stuck.connection_id, Kind.INVOICE)}))
    assert (see(database, stuck).state, see(database, stuck).due_at) == (State.WAITING, LATER)
    assert due.lanes(database, now=LATER) == [Lane(stuck.connection_id, Kind.INVOICE)]


def test_what_was_left_alone_can_be_tried_again_too(database: Database, connection: Connection) -> None:
    skipped = settled(database, connection.id, outcome=Outcome.SKIPPED, reason="not_listed")
    assert changes.retry(database, only(skipped), who="kari", now=LATER).count == 1


def test_what_is_in_a_workers_hands_is_left_to_it(database: Database, connection: Connection) -> None:
    inbox.receive(database, connection.id, [INVOICE], now=NOW)
    inbox.claim(database, Lane(connection.id, Kind.INVOICE), most=1, now=NOW, until=LATER)
    everything = Wanted()
    assert changes.retry(database, everything, who="kari", now=NOW).count == 0
    assert close(database, everything).count == 0


def test_a_closed_change_says_who_closed_it_and_keeps_what_was_wrong(
    database: Database, stuck: ChangeView
) -> None:
    close(database, only(stuck))
    closed = see(database, stuck)
    assert (closed.state, closed.closed_because) == (State.CLOSED, "Handled by hand (kari)")
    assert (closed.reason, closed.message, closed.remedy) == (stuck.reason, stuck.message, stuck.remedy)


def test_what_is_opened_again_stands_where_it_stood(database: Database, stuck: ChangeView) -> None:
    close(database, only(stuck))
    assert changes.reopen(database, only(stuck), who="kari", now=LATER).count == 1
    opened = see(database, stuck)
    assert (opened.state, opened.closed_because, opened.message) == (State.STUCK, "", stuck.message)


def test_what_waited_waits_when_it_is_opened_again(database: Database, connection: Connection) -> None:
    waits = settled(database, connection.id, state=State.WAITING)
    close(database, only(waits))
    changes.reopen(database, only(waits), who="kari", now=LATER)
    assert see(database, waits).state is State.WAITING


def test_what_was_closed_together_is_opened_together_and_nothing_else(
    database: Database, connection: Connection, stuck: ChangeView
) -> None:
    other = settled(database, connection.id, Record(Kind.INVOICE, "10"), state=State.STUCK)
    changes.close(database, only(other), because=UNWANTED, who="kari", now=NOW)
    close(database, only(stuck))
    assert changes.reopen(database, Wanted(closed_at=LATER), who="kari", now=LATER).count == 1
    assert (see(database, stuck).state, see(database, other).state) == (State.STUCK, State.CLOSED)


def test_nobody_touches_what_is_not_in_their_scope(
    database: Database, connections: Connections, stuck: ChangeView
) -> None:
    other, _ = connections.add("Fjord AS", settings(), who="test", now=NOW)
    theirs = Scope(frozenset({other.id}))
    for wanted in (
        Wanted(scope=theirs, ids=frozenset({stuck.id})),
        Wanted(scope=theirs),
        Wanted(scope=Scope(frozenset())),
    ):
        assert changes.count(database, wanted) == 0
        assert changes.retry(database, wanted, who="ola", now=LATER).count == 0
        assert close(database, wanted).count == 0
    assert see(database, stuck) == stuck


def test_all_that_a_filter_lets_through_is_closed_up_to_an_instant(
    database: Database, connection: Connection, stuck: ChangeView
) -> None:
    settled(database, connection.id, Record(Kind.INVOICE, "10"), state=State.STUCK, reason="other")
    late = settled(
        database, connection.id, Record(Kind.INVOICE, "11"), state=State.STUCK, reason="account", at=LATER
    )
    wanted = Wanted(connection_id=connection.id, reason="account", until=NOW)
    assert changes.count(database, wanted) == close(database, wanted).count == 1
    assert [see(database, each).state for each in (stuck, late)] == [State.CLOSED, State.STUCK]


def test_who_did_what_to_which_record_is_in_the_audit_and_the_story_of_the_change(
    database: Database, stuck: ChangeView
) -> None:
    close(database, only(stuck))
    changes.reopen(database, only(stuck), who="ola", now=LATER)
    changes.retry(database, only(stuck), who="ola", now=LATER)
    done = [
        ("ola", "Try again: Invoice 1024"),
        ("ola", "Opened again: Invoice 1024"),
        ("kari", "Handled by hand: Invoice 1024"),
    ]
    assert [(deed.who, deed.what) for deed in changes.deeds(database, stuck.id)] == done
    lines = audit.page(database, Scope(frozenset({stuck.connection_id}))).lines
    assert [(line.who, line.what, line.change_id) for line in lines][:3] == [(*deed, stuck.id) for deed in done]


def test_attempts_are_paged_the_latest_first(database: Database, connection: Connection) -> None:
    instants = [NOW + timedelta(minutes=n) for n in range(changes.ATTEMPTS + 5)]
    tried = [settled(database, connection.id, at=at, message=f"{at:%H:%M}") for at in instants][-1]
    first = changes.attempts_page(database, tried.id, key=None)
    assert [attempt.at for attempt in first.lines] == instants[: -changes.ATTEMPTS - 1 : -1]
    assert first.older
    last = changes.attempts_page(database, tried.id, key=Key.read(str(first.older)))
    assert [attempt.at for attempt in last.lines] == instants[4::-1]


def test_a_closed_change_is_listed_by_the_reason_that_it_had(database: Database, stuck: ChangeView) -> None:
    close(database, only(stuck))
    wanted = Wanted(reason="account", states=frozenset({State.CLOSED}))
    assert [view.id for view in listing.latest(database, wanted)] == [stuck.id]
