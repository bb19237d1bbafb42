from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from models import inbox, tallies
from models.inbox import Settlement
from models.tallies import Span, Tally
from models.words import Kind, Lane, Outcome, Record, Scope, State
from tests.factories import NOW, settings
from tests.models.lanes import settled

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection, Connections

OSLO = ZoneInfo("Europe/Oslo")
MINUTE = timedelta(minutes=1)


def now_of(
    database: Database, span: Span = Span.HOUR, *, scope: Scope | None = None, now: datetime = NOW
) -> Tally:
    return tallies.last(database, span, 2, scope=scope or Scope(), now=now)[-1]


def test_attempts_are_counted_by_how_they_ended(database: Database, connection: Connection) -> None:
    for n, outcome in enumerate((Outcome.SYNCED, Outcome.SYNCED, Outcome.UNCHANGED, Outcome.SKIPPED)):
        settled(database, connection.id, Record(Kind.INVOICE, str(n)), outcome=outcome)
    settled(database, connection.id, Record(Kind.CUSTOMER, "1"), state=State.STUCK)
    for span in Span:
        tally = now_of(database, span)
        assert (tally.synced, tally.unchanged, tally.skipped, tally.failed) == (2, 1, 1, 1)


def test_the_time_from_event_to_outcome_is_that_of_what_came_across(
    database: Database, connection: Connection
) -> None:
    lane, records = Lane(connection.id, Kind.INVOICE), [Record(Kind.INVOICE, each) for each in "123"]
    for n, record in enumerate(records):
        inbox.receive(database, connection.id, [record], now=NOW + n * MINUTE)
    later = NOW + 3 * MINUTE
    claim = inbox.claim(database, lane, most=3, now=later, until=later + MINUTE)
    assert claim
    ends = (Outcome.SKIPPED, Outcome.SYNCED, Outcome.SYNCED)
    ended = [
        Settlement(change.id, State.SETTLED, due_at=later, outcome=outcome)
        for change, outcome in zip(claim.changes, ends, strict=True)
    ]
    inbox.settle(database, claim, ended, now=later)
    tally = now_of(database)
    assert (tally.mean, tally.longest) == (90, 120)


def test_to_wait_for_another_record_is_no_failure_but_to_wait_in_vain_is_one(
    database: Database, connection: Connection
) -> None:
    for n, state in enumerate((State.WAITING, State.STUCK)):
        customer = Record(Kind.CUSTOMER, "7")
        settled(database, connection.id, Record(Kind.INVOICE, str(n)), state=state, waits_for=customer)
    assert now_of(database).failed == 1


def test_what_was_given_back_untouched_is_not_counted(database: Database, connection: Connection) -> None:
    settled(database, connection.id, outcome=None, state=State.WAITING)
    assert now_of(database) == Tally(Span.HOUR.begin(NOW))


def test_everybody_sees_the_numbers_of_their_connections_only(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(), who="test", now=NOW)
    for each, number in ((connection, 2), (other, 3)):
        for n in range(number):
            settled(database, each.id, Record(Kind.INVOICE, str(n)))
    scopes = (Scope(), Scope(frozenset({connection.id})), Scope(frozenset()))
    assert [now_of(database, scope=scope).synced for scope in scopes] == [5, 2, 0]


def test_an_hour_without_attempts_is_told_too(database: Database, connection: Connection) -> None:
    settled(database, connection.id, at=NOW - 5 * 60 * MINUTE)
    told = tallies.last(database, Span.HOUR, 24, scope=Scope(), now=NOW)
    assert [tally.synced for tally in told] == [0] * 18 + [1] + [0] * 5
    assert told[-1].begins == NOW


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29, tzinfo=OSLO), 23), (datetime(2026, 10, 25, tzinfo=OSLO), 25)]
)
def test_a_day_is_one_of_oslo_also_when_the_clock_changes(
    database: Database, connection: Connection, day: datetime, hours: int
) -> None:
    for at in (day, day.astimezone(UTC) + timedelta(hours=hours - 1)):
        settled(database, connection.id, at=at)
    settled(database, connection.id, at=day.astimezone(UTC) + timedelta(hours=hours))
    told = tallies.last(database, Span.DAY, 2, scope=Scope(), now=day + timedelta(days=1, hours=12))
    assert [(tally.begins, tally.synced) for tally in told] == [(day, 2), (day + timedelta(days=1), 1)]


def test_hours_are_told_one_by_one_when_the_clock_changes() -> None:
    begins = Span.HOUR.last(4, now=datetime(2026, 10, 25, 3, 30, tzinfo=OSLO))
    assert [f"{each:%H %z}" for each in begins] == ["01 +0200", "02 +0200", "02 +0100", "03 +0100"]


def test_old_tallies_are_forgotten_hours_sooner_than_days(database: Database, connection: Connection) -> None:
    settled(database, connection.id)
    tallies.forget(database, now=NOW + timedelta(days=8))
    assert (now_of(database, Span.HOUR).synced, now_of(database, Span.DAY).synced) == (0, 1)
    tallies.forget(database, now=NOW + timedelta(days=402))
    assert now_of(database, Span.DAY).synced == 0
