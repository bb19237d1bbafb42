"""Rounds of polls, with both fakes and a real PostgreSQL."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType
from sync.errors import MisconfiguredError, RateLimitedError, SyncError, UnavailableError
from tests import factories
from tests.fakes import FakeErp, FakeMoment
from tests.sync.conftest import World
from worker.handlers import polls

CUSTOMER, INVOICE, PROJECT = EntityType.CUSTOMER, EntityType.INVOICE, EntityType.PROJECT
DOWN = UnavailableError("It does not answer.")


class Erp(FakeErp):
    def for_polls(self) -> "Erp":
        return self


class Moment(FakeMoment):
    """A Moment that does not respond to some lists."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[EntityType, SyncError] = {}
        self.asked: list[EntityType] = []

    def changed(self, entity_type: EntityType, *, since: datetime) -> Iterable[str]:
        self.asked.append(entity_type)
        if entity_type in self.broken:
            raise self.broken[entity_type]
        return super().changed(entity_type, since=since)


class Polled(World):
    moment: Moment

    def poll_moment(self) -> list[EntityType]:
        """Poll Moment, and return the lists that were requested."""
        self.moment.asked.clear()
        polls.poll_moment(self.container, self.connection.id)
        return list(self.moment.asked)

    def poll(self) -> None:
        """Poll both systems as beat does: later, if the circuit breaker allows it."""
        self.later(minutes=6)
        if self.connections.get(self.connection.id).is_available(self.now):
            polls.poll_moment(self.container, self.connection.id)
            polls.poll_expenses(self.container, self.connection.id)

    def sync_something(self, turn: int) -> None:
        self.moment.put(factories.customer("7", name=f"Nordlys {turn} AS", number="10001"))
        self.receive(CUSTOMER, "7")
        self.run()

    def break_moment(self, *types: EntityType, error: SyncError = DOWN) -> None:
        self.moment.broken = dict.fromkeys(types, error)

    @property
    def container(self) -> Any:
        in_step = SimpleNamespace(lag=timedelta)
        return SimpleNamespace(
            database=self.database,
            connections=self.connections,
            clock=lambda: self.now,
            moment=lambda _: self.moment,
            moment_clock=in_step,
            twentyfour_clock=in_step,
            cached_erp=lambda _: self.erp,
            runner=self.runner(),
        )

    def alerts(self) -> Counter[str]:
        return Counter(alert_type for alert_type, _ in self.mails())


@pytest.fixture
def world(database: Database, connections: Connections) -> Polled:
    connection, _ = connections.add("Demo AS", factories.settings(), actor="test", now=factories.NOW)
    world = Polled(database, connections, connection, moment=Moment(), erp=Erp())
    every = ["customer", "project", "invoice", "expense"]
    world.change_settings(entity_types=every, expense_accounts="4300")
    world.poll()
    return world


@pytest.mark.parametrize("both", [False, True])
def test_an_outage_met_only_by_polls_ends_without_any_change(world: Polled, *, both: bool) -> None:
    world.break_moment(CUSTOMER, INVOICE, PROJECT)
    world.erp.fails_before["changed_vouchers"] = [DOWN] * 3 if both else []
    for _ in range(3):
        world.poll()
    assert world.alerts() == {"outage": 1}
    world.break_moment()
    world.erp.fails_before.clear()
    world.poll()
    assert world.alerts() == {"outage": 1, "recovered": 1}
    assert world.connections.get(world.connection.id).breaker_open_until is None


def test_an_outage_of_both_systems_does_not_end_with_one_of_them(world: Polled) -> None:
    world.erp.fails_before["changed_vouchers"] = [DOWN] * 4
    for _ in range(4):
        world.poll()
    assert world.alerts() == {"outage": 1}
    world.poll()
    assert world.alerts() == {"outage": 1, "recovered": 1}


def test_a_poll_of_moment_does_not_end_an_outage_met_by_jobs(world: Polled) -> None:
    world.begin()
    world.break_moment(INVOICE)
    for turn in range(6):
        world.poll()
        world.sync_something(turn)
    world.break_moment()
    world.moment.put(factories.invoice("9"))
    world.receive(INVOICE, "9")
    world.erp.fails_before["post"] = [DOWN] * 10
    for _ in range(5):
        world.run()
        world.later(minutes=1)
    world.later(minutes=6)
    assert world.poll_moment() == [CUSTOMER, PROJECT, INVOICE]
    assert world.alerts() == {"outage": 1}


@pytest.mark.parametrize("broken", [CUSTOMER, INVOICE, PROJECT])
def test_a_broken_list_is_no_outage_and_the_others_are_still_polled(world: Polled, broken: EntityType) -> None:
    world.break_moment(broken)
    for _ in range(5):
        world.poll()
    assert world.alerts() == {}
    assert {*world.poll_moment()[:2]} == {CUSTOMER, INVOICE, PROJECT} - {broken}


def test_two_broken_lists_are_no_outage_either(world: Polled) -> None:
    world.break_moment(CUSTOMER, INVOICE)
    for _ in range(5):
        world.poll()
    assert world.alerts() == {}
    assert world.poll_moment() == [PROJECT, CUSTOMER, INVOICE]


def test_a_broken_list_in_an_answered_round_prolongs_no_outage(
    world: Polled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One invoice has met an outage, once; two more failures would open the circuit breaker."""
    world.begin()
    world.moment.put(factories.invoice("9"))
    world.receive(INVOICE, "9")
    world.erp.fails_before["post"] = [DOWN]
    world.run()
    listed = world.moment.modified

    def modified(*args: Any, **kwargs: Any) -> Any:
        world.later(seconds=1)
        return listed(*args, **kwargs)

    monkeypatch.setattr(world.moment, "modified", modified)
    for broken in (PROJECT, INVOICE, PROJECT):
        world.break_moment(broken)
        world.poll()
    assert world.connections.get(world.connection.id).breaker_open_until is None


@pytest.mark.parametrize(("answered", "alerts"), [(4, {}), (1, {"outage": 1})])
def test_a_partly_answered_catch_up_is_no_outage_and_hides_no_later_one(
    world: Polled, answered: int, alerts: dict[str, int]
) -> None:
    world.later(days=40)
    for turn in range(4):
        world.later(minutes=6)
        world.erp.fails_before["changed_vouchers"] = [None, DOWN] if turn < answered else [DOWN]
        polls.poll_expenses(world.container, world.connection.id)
    assert world.alerts() == alerts


@pytest.mark.parametrize("system", ["moment", "24sevenoffice"])
def test_the_only_list_of_a_system_may_be_broken_while_records_are_synced(world: Polled, system: str) -> None:
    world.begin()
    world.change_settings(entity_types=["customer", "expense"])
    world.break_moment(*[CUSTOMER] if system == "moment" else [])
    world.erp.fails_before["changed_vouchers"] = [DOWN] * 100 if system == "24sevenoffice" else []
    for turn in range(20):
        world.poll()
        if turn % 4 == 3:
            world.later(minutes=5)
            world.sync_something(turn)
    assert world.alerts() == {"outage": 1, "recovered": 1}


def test_if_moment_does_not_answer_one_list_per_round_is_tried(world: Polled) -> None:
    world.break_moment(CUSTOMER, INVOICE, PROJECT)
    assert [world.poll_moment() for _ in range(4)] == [[CUSTOMER], [INVOICE], [PROJECT], [CUSTOMER]]


@pytest.mark.parametrize(
    "error", [RateLimitedError("None are left.", error_code="budget"), MisconfiguredError("It is refused.")]
)
def test_an_error_that_concerns_all_lists_ends_the_round_but_no_outage(world: Polled, error: SyncError) -> None:
    world.break_moment(CUSTOMER, INVOICE, PROJECT)
    for _ in range(3):
        world.poll()
    world.later(minutes=6)
    world.break_moment(INVOICE, error=error)
    assert world.poll_moment() == [CUSTOMER, INVOICE]
    assert world.alerts()["outage"] == 1
    assert "recovered" not in world.alerts()


def test_a_poll_of_a_stopped_connection_sends_no_requests(world: Polled) -> None:
    world.connections.pause(world.connection.id, "for a test", now=world.now)
    world.erp.calls.clear()
    polls.poll_expenses(world.container, world.connection.id)
    assert world.poll_moment() == []
    assert not world.erp.calls
