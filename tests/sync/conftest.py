"""A connection with both remote systems in memory, our own database real."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models import alerts, changes, due, inbox
from models.words import Kind, Lane, Record
from sync.desk import Desk
from sync.runner import Runner
from tests import factories
from tests.fakes import FakeErp, FakeMoment

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.base import Database
    from models.connections import Connection, Connections
    from models.listing import ChangeView


@dataclass
class World:
    """One connection between the fakes, at an instant of the test's choosing."""

    database: Database
    connections: Connections
    connection: Connection
    moment: FakeMoment = field(default_factory=FakeMoment)
    erp: FakeErp = field(default_factory=FakeErp)
    now: datetime = factories.NOW

    def runner(self) -> Runner:
        return Runner(
            database=self.database,
            connections=self.connections,
            open_desk=self.open_desk,
            clock=lambda: self.now,
            dice=lambda: 0.5,
            claim_for=timedelta(minutes=3),
        )

    def open_desk(self, connection: Connection, hold: Callable[[], None]) -> Desk:
        return Desk(connection, self.database, self.moment, self.erp, lambda: self.now, hold)

    def change_settings(self, **settings: Any) -> None:
        self.connection = self.connections.change(self.connection.id, settings, who="test", now=self.now)

    def receive(self, kind: Kind, *record_ids: str) -> None:
        records = [Record(kind, record_id) for record_id in record_ids]
        inbox.receive(self.database, self.connection.id, records, now=self.now)

    def run(self, *, until_quiet: int = 20) -> None:
        """Drain every due lane, again and again until nothing is due."""
        for _ in range(until_quiet):
            lanes = due.lanes(self.database, now=self.now)
            if not lanes:
                return
            for lane in lanes:
                self.runner().drain(lane)
        raise AssertionError(f"still due: {lanes}")

    def drain(self, kind: Kind) -> set[Lane]:
        return self.runner().drain(Lane(self.connection.id, kind))

    def later(self, **wait: float) -> None:
        self.now += timedelta(**wait)

    def mails(self) -> list[tuple[str, str]]:
        """What the error address is to be told: the turn and the title of each alert."""
        (address,) = self.connection.settings.error_emails
        return [(alert.turn.value, alert.title) for alert in alerts.unsent(self.database, address)]

    def change(self, kind: Kind, record_id: str) -> ChangeView:
        found = changes.find(self.database, self.connection.id, Record(kind, record_id))
        assert found is not None
        return found

    def begin(self) -> None:
        """Have a customer and a project that have come across, and count calls from here on."""
        self.moment.put(factories.customer("7"))
        self.moment.put(factories.project("8"))
        self.receive(Kind.PROJECT, "8")
        self.run()
        self.erp.calls.clear()


@pytest.fixture
def world(database: Database, connections: Connections) -> World:
    connection, _ = connections.add("Demo AS", factories.settings(), who="test", now=factories.NOW)
    return World(database, connections, connection)
