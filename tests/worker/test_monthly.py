"""The comparison that beat asks for once a month, and its mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from models import alerts
from models.errands import Asked
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


def test_a_mail_says_why_the_books_could_not_be_compared(
    bridge: Bridge, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, LATE)
    bridge.connections.change(connection.id, {"moment_company": "9999"}, who="test", now=LATE)
    (number,) = monthly.due(bridge)
    errands.run(bridge, number)
    (told,) = alerts.unsent(bridge.database, "books@example.com")
    assert told.message.startswith("The books could not be compared. Moment")
