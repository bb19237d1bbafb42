from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from integrations.twentyfour.rationing import OF_CONNECTION
from models import alerts, changes, finds, inbox, listing, notifications
from models.alerts import Turn
from models.base import DatabaseUnavailable
from models.wanted import Wanted
from models.words import Kind, Lane, Record, State
from tests.factories import settings
from tests.installation import messages, stuck
from worker import checks, pulse, tasks
from worker.wiring import clock

if TYPE_CHECKING:
    from local.servers import Server
    from models.connections import Connection
    from worker.wiring import Bridge

CUSTOMER, PROJECT, DRAFT = "62788973", "62788980", "106939080"


def test_a_sweep_nudges_what_is_due_and_gives_a_sign_of_life(bridge: Bridge, connection: Connection) -> None:
    inbox.receive(bridge.database, connection.id, [Record(Kind.INVOICE, "9")], now=clock())
    assert not pulse.is_felt(bridge.redis)
    tasks.sweep()
    assert pulse.is_felt(bridge.redis)
    assert messages(bridge) == [("sync_invoices", connection.id)]


@pytest.mark.kills
def test_a_sweep_that_does_not_reach_postgresql_gives_no_sign_of_life(bridge: Bridge, postgres: Server) -> None:
    postgres.kill()
    try:
        with pytest.raises(DatabaseUnavailable):
            tasks.sweep()
    finally:
        postgres.start()
    assert not pulse.is_felt(bridge.redis)


def test_a_sign_of_life_outlasts_the_next_sweeps_however_rare_they_are(bridge: Bridge) -> None:
    pulse.beat(bridge.redis, every=0.5)
    often = bridge.redis.ttl(pulse.KEY)
    pulse.beat(bridge.redis, every=120)
    assert (often, bridge.redis.ttl(pulse.KEY)) == (60, 360)


def test_a_sweep_finds_the_lane_of_a_worker_that_has_vanished(bridge: Bridge, connection: Connection) -> None:
    lane, now = Lane(connection.id, Kind.INVOICE), clock()
    inbox.receive(bridge.database, connection.id, [Record(Kind.INVOICE, "9")], now=now)
    assert inbox.claim(bridge.database, lane, most=1, now=now, until=now + timedelta(hours=1))
    tasks.sweep()
    assert messages(bridge) == []
    inbox.receive(bridge.database, connection.id, [Record(Kind.CUSTOMER, "7")], now=now)
    other = Lane(connection.id, Kind.CUSTOMER)
    assert inbox.claim(bridge.database, other, most=1, now=now, until=now)
    tasks.sweep()
    assert messages(bridge) == [("sync_customers", connection.id)]


def test_working_a_lane_off_nudges_what_follows(bridge: Bridge, connection: Connection) -> None:
    inbox.receive(bridge.database, connection.id, [Record(Kind.PROJECT, PROJECT)], now=clock())
    tasks.sync_projects(connection.id)
    assert set(messages(bridge)) == {("sync_customers", connection.id)}  # nothing else is due
    tasks.sync_customers(connection.id)
    tasks.sync_projects(connection.id)
    assert {view.state for view in listing.latest(bridge.database, Wanted())} == {State.SETTLED}


def test_all_connections_that_work_are_polled(bridge: Bridge, connection: Connection) -> None:
    paused, _ = bridge.connections.add("Paused AS", settings(), who="test", now=clock())
    bridge.connections.pause(paused.id, "for a test", now=clock())
    tasks.poll_all()
    assert messages(bridge) == [("poll_moment", connection.id)]


def test_a_poll_finds_what_no_notification_told(
    bridge: Bridge, connection: Connection, books: dict[str, str]
) -> None:
    finalized = requests.post(f"{books['moment']}/companies/1001/invoices/{DRAFT}/finalize", timeout=10)
    finalized.raise_for_status()
    tasks.poll_moment(connection.id)
    assert changes.find(bridge.database, connection.id, Record(Kind.INVOICE, DRAFT))
    assert ("sync_invoices", connection.id) in messages(bridge)


def test_what_a_poll_found_is_told_by_the_doctor_where_moment_does_send_notifications(
    bridge: Bridge, connection: Connection
) -> None:
    tasks.poll_moment(connection.id)
    tasks.sync_customers(connection.id)
    assert finds.count(bridge.database, connection.id, now=clock()) == {Kind.CUSTOMER: 1}
    told = "of which Moment had sent no notification: customers 1."
    assert told not in said(bridge, connection)
    notifications.note(bridge.database, Lane(connection.id, Kind.CUSTOMER), now=clock())
    assert told in said(bridge, connection)


def said(bridge: Bridge, connection: Connection) -> str:
    return "\n".join(finding.what for finding in checks.examine(bridge, connection).findings)


def test_a_poll_that_fails_leaves_its_kind_to_the_next(
    bridge: Bridge, connection: Connection, books: dict[str, str]
) -> None:
    mishap = {"operation": "GET customers", "kind": "error_503"}
    requests.post(f"{books['moment']}/mishaps", json=mishap, timeout=10).raise_for_status()
    tasks.poll_moment(connection.id)
    assert messages(bridge) == [("sync_projects", connection.id)]
    tasks.poll_moment(connection.id)
    assert changes.find(bridge.database, connection.id, Record(Kind.CUSTOMER, CUSTOMER))


def test_expenses_are_looked_for_when_their_interval_has_passed(bridge: Bridge, connection: Connection) -> None:
    tasks.poll_all_expenses()
    assert messages(bridge) == []
    bridge.connections.change(
        connection.id, {"kinds": ["expense"], "expense_accounts": "4000"}, who="test", now=clock()
    )
    tasks.poll_all_expenses()
    assert messages(bridge) == [("poll_expenses", connection.id)]
    tasks.poll_expenses(connection.id)
    bridge.redis.flushdb()
    tasks.poll_all_expenses()
    assert messages(bridge) == []


def test_requests_go_to_the_account_of_their_connection_and_polls_to_that_of_polls(
    bridge: Bridge, connection: Connection
) -> None:
    account = f"{OF_CONNECTION}{connection.id}"
    inbox.receive(bridge.database, connection.id, [Record(Kind.CUSTOMER, CUSTOMER)], now=clock())
    tasks.sync_customers(connection.id)
    events = bridge.budget.usage()
    assert events
    assert events.events > events.polls == 0
    bridge.connections.change(
        connection.id, {"kinds": ["expense"], "expense_accounts": "4000"}, who="test", now=clock()
    )
    tasks.poll_expenses(connection.id)
    both = bridge.budget.usage()
    assert both
    assert both.events == events.events
    assert both.polls > 0
    assert sum(map(int, bridge.redis.hvals(account))) == both.events + both.polls


def test_where_the_budget_leaves_nothing_to_polls_none_is_sent(bridge: Bridge, connection: Connection) -> None:
    bridge.connections.change(
        connection.id, {"kinds": ["expense"], "expense_accounts": "4000"}, who="test", now=clock()
    )
    bridge.budget.block(timedelta(minutes=1))
    tasks.poll_all_expenses()
    assert messages(bridge) == []


def test_what_needs_a_person_is_brought_to_mind_again(bridge: Bridge, connection: Connection) -> None:
    stuck(bridge, connection, now=clock() - timedelta(days=2))
    tasks.remind()
    told = [each.turn for each in alerts.unsent(bridge.database, "books@example.com")]
    assert told == [Turn.WORSE, Turn.REMINDER]
