"""The comparison that beat asks for once a month, and its mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from models import alerts
from models.errands import Asked
from models.words import Kind
from tests.factories import settings
from tests.installation import messages
from worker import errands, monthly, tasks

if TYPE_CHECKING:
    from models.connections import Connection
    from worker.wiring import Bridge

EARLY, LATE, NEXT = (datetime(2026, month, day, 9, tzinfo=UTC) for month, day in ((11, 2), (11, 3), (12, 4)))


@pytest.fixture
def connection(bridge: Bridge) -> Connection:
    bridge.connections.add("Not this AS", settings(), who="test", now=EARLY)
    return bridge.connections.add("Demo AS", settings(monthly_reconciliation=True), who="test", now=EARLY)[0]


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(monthly, "clock", lambda: now)


def test_the_month_before_is_compared_once_from_the_third_on(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, EARLY)
    assert list(monthly.due(bridge)) == []
    at(monkeypatch, LATE)
    (number,) = monthly.due(bridge)
    assert list(monthly.due(bridge)) == [number]
    errands.run(bridge, number)
    assert list(monthly.due(bridge)) == []
    errand = bridge.errands.get(number)
    assert errand
    assert (errand.connection_id, errand.typed) == (connection.id, {"first": "2026-10-01", "last": "2026-10-31"})
    at(monkeypatch, NEXT)
    assert len(list(monthly.due(bridge))) == 1


def test_a_mail_tells_what_was_found_once(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, LATE)
    tasks.remind()
    ((task, number),) = messages(bridge)
    assert task == "run_errand"
    for _ in range(2):
        errands.run(bridge, number)
    (told,) = alerts.unsent(bridge.database, "books@example.com")
    assert told.title == "The books of Demo AS"
    assert told.message.startswith("01.10.2026 to 31.10.2026: 0 invoices")
    assert told.remedy == f"See the comparison: https://bridge.example/errands/{number}"
    errand = bridge.errands.latest(connection.id, Asked.MONTHLY)
    assert errand
    assert errand.answer


def test_a_mail_tells_of_expenses_where_they_travel(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, LATE)
    wanted = {"kinds": tuple(Kind), "expense_accounts": "4300"}
    bridge.connections.change(connection.id, wanted, who="test", now=LATE)
    (number,) = monthly.due(bridge)
    errands.run(bridge, number)
    (told,) = alerts.unsent(bridge.database, "books@example.com")
    assert told.message.endswith("Of the expenses 0 are in Moment as they are in the ledger, 0 differ.")


def test_a_mail_says_why_the_books_could_not_be_compared(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, LATE)
    bridge.connections.change(connection.id, {"moment_company": "9999"}, who="test", now=LATE)
    (number,) = monthly.due(bridge)
    errands.run(bridge, number)
    (told,) = alerts.unsent(bridge.database, "books@example.com")
    assert told.message.startswith("The books could not be compared. Moment")


def test_one_that_a_system_was_down_for_is_made_again_every_hour_and_told_of_once(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = connection.settings.moment_company
    bridge.connections.change(connection.id, {"moment_company": "9999"}, who="test", now=LATE)
    for hour in range(3):
        at(monkeypatch, LATE + timedelta(hours=hour))
        (number,) = monthly.due(bridge)
        errands.run(bridge, number)
        assert list(monthly.due(bridge)) == []
    assert len(alerts.unsent(bridge.database, "books@example.com")) == 1
    bridge.connections.change(connection.id, {"moment_company": right}, who="test", now=LATE)
    at(monkeypatch, LATE + timedelta(days=1))
    (number,) = monthly.due(bridge)
    errands.run(bridge, number)
    failed, made = alerts.unsent(bridge.database, "books@example.com")
    assert failed.message.endswith("It is tried again every hour.")
    assert made.message.startswith("01.10.2026 to 31.10.2026: 0 invoices")
    at(monkeypatch, LATE + timedelta(days=2))
    assert list(monthly.due(bridge)) == []


def test_one_that_could_not_be_made_waits_until_the_connection_works_again(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.connections.change(connection.id, {"moment_company": "9999"}, who="test", now=LATE)
    at(monkeypatch, LATE)
    (number,) = monthly.due(bridge)
    errands.run(bridge, number)
    bridge.connections.pause(connection.id, because="Its key is refused.", who="test", now=LATE)
    at(monkeypatch, LATE + timedelta(hours=1))
    assert list(monthly.due(bridge)) == []
    bridge.connections.resume(connection.id, who="test", now=LATE)
    assert len(list(monthly.due(bridge))) == 1
