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
from tests.sync.conftest import SyncHarness
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


class Polled(SyncHarness):
    moment: Moment

    def poll_moment(self) -> list[EntityType]:
        """Poll Moment, and return the lists that were requested."""
        self.moment.asked.clear()
        polls.poll_moment(self.container, self.connection.id)
        return list(self.moment.asked)

    def poll(self) -> None:
        """Let time pass, and poll both systems as beat does, if the circuit breaker allows it."""
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
def harness(database: Database, connections: Connections) -> Polled:
    connection, _ = connections.add("Demo AS", factories.settings(), actor="test", now=factories.NOW)
    harness = Polled(database, connections, connection, moment=Moment(), erp=Erp())
    every = ["customer", "project", "invoice", "expense"]
    harness.change_settings(entity_types=every, expense_accounts="4300")
    harness.poll()
    return harness


@pytest.mark.parametrize("both", [False, True])
def test_an_outage_met_only_by_polls_ends_without_any_change(harness: Polled, *, both: bool) -> None:
    harness.break_moment(CUSTOMER, INVOICE, PROJECT)
    harness.erp.fails_before["changed_vouchers"] = [DOWN] * 3 if both else []
    for _ in range(3):
        harness.poll()
    assert harness.alerts() == {"outage": 1}
    harness.break_moment()
    harness.erp.fails_before.clear()
    harness.poll()
    assert harness.alerts() == {"outage": 1, "recovered": 1}
    assert harness.connections.get(harness.connection.id).breaker_open_until is None


def test_an_outage_of_both_systems_does_not_end_with_one_of_them(harness: Polled) -> None:
    harness.erp.fails_before["changed_vouchers"] = [DOWN] * 4
    for _ in range(4):
        harness.poll()
    assert harness.alerts() == {"outage": 1}
    harness.poll()
    assert harness.alerts() == {"outage": 1, "recovered": 1}


def test_a_poll_of_moment_does_not_end_an_outage_met_by_jobs(harness: Polled) -> None:
    harness.begin()
    harness.break_moment(INVOICE)
    for turn in range(6):
        harness.poll()
        harness.sync_something(turn)
    harness.break_moment()
    harness.moment.put(factories.invoice("9"))
    harness.receive(INVOICE, "9")
    harness.erp.fails_before["post"] = [DOWN] * 10
    for _ in range(5):
        harness.run()
        harness.later(minutes=1)
    harness.later(minutes=6)
    assert harness.poll_moment() == [CUSTOMER, PROJECT, INVOICE]
    assert harness.alerts() == {"outage": 1}


@pytest.mark.parametrize("broken", [CUSTOMER, INVOICE, PROJECT])
def test_a_broken_list_is_no_outage_and_the_others_are_still_polled(harness: Polled, broken: EntityType) -> None:
    harness.break_moment(broken)
    for _ in range(5):
        harness.poll()
    assert harness.alerts() == {}
    assert {*harness.poll_moment()[:2]} == {CUSTOMER, INVOICE, PROJECT} - {broken}


def test_two_broken_lists_are_no_outage_either(harness: Polled) -> None:
    harness.break_moment(CUSTOMER, INVOICE)
    for _ in range(5):
        harness.poll()
    assert harness.alerts() == {}
    assert harness.poll_moment() == [PROJECT, CUSTOMER, INVOICE]


def test_a_broken_list_in_an_answered_round_prolongs_no_outage(
    harness: Polled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One invoice has met an outage, once; two more failures would open the circuit breaker."""
    harness.begin()
    harness.moment.put(factories.invoice("9"))
    harness.receive(INVOICE, "9")
    harness.erp.fails_before["post"] = [DOWN]
    harness.run()
    listed = harness.moment.modified

    def modified(*args: Any, **kwargs: Any) -> Any:
        harness.later(seconds=1)
        return listed(*args, **kwargs)

    monkeypatch.setattr(harness.moment, "modified", modified)
    for broken in (PROJECT, INVOICE, PROJECT):
        harness.break_moment(broken)
        harness.poll()
    assert harness.connections.get(harness.connection.id).breaker_open_until is None


@pytest.mark.parametrize(("answered", "alerts"), [(4, {}), (1, {"outage": 1})])
def test_a_partly_answered_catch_up_is_no_outage_and_hides_no_later_one(
    harness: Polled, answered: int, alerts: dict[str, int]
) -> None:
    harness.later(days=40)
    for turn in range(4):
        harness.later(minutes=6)
        harness.erp.fails_before["changed_vouchers"] = [None, DOWN] if turn < answered else [DOWN]
        polls.poll_expenses(harness.container, harness.connection.id)
    assert harness.alerts() == alerts


@pytest.mark.parametrize("system", ["moment", "24sevenoffice"])
def test_the_only_list_of_a_system_may_be_broken_while_records_are_synced(harness: Polled, system: str) -> None:
    harness.begin()
    harness.change_settings(entity_types=["customer", "expense"])
    harness.break_moment(*[CUSTOMER] if system == "moment" else [])
    harness.erp.fails_before["changed_vouchers"] = [DOWN] * 100 if system == "24sevenoffice" else []
    for turn in range(20):
        harness.poll()
        if turn % 4 == 3:
            harness.later(minutes=5)
            harness.sync_something(turn)
    assert harness.alerts() == {"outage": 1, "recovered": 1}


def test_if_moment_does_not_answer_one_list_per_round_is_tried(harness: Polled) -> None:
    harness.break_moment(CUSTOMER, INVOICE, PROJECT)
    assert [harness.poll_moment() for _ in range(4)] == [[CUSTOMER], [INVOICE], [PROJECT], [CUSTOMER]]


@pytest.mark.parametrize(
    "error", [RateLimitedError("None are left.", error_code="budget"), MisconfiguredError("It is refused.")]
)
def test_an_error_that_concerns_all_lists_ends_the_round_but_no_outage(harness: Polled, error: SyncError) -> None:
    harness.break_moment(CUSTOMER, INVOICE, PROJECT)
    for _ in range(3):
        harness.poll()
    harness.later(minutes=6)
    harness.break_moment(INVOICE, error=error)
    assert harness.poll_moment() == [CUSTOMER, INVOICE]
    assert harness.alerts()["outage"] == 1
    assert "recovered" not in harness.alerts()


def test_a_poll_of_a_stopped_connection_sends_no_requests(harness: Polled) -> None:
    harness.connections.pause(harness.connection.id, "for a test", now=harness.now)
    harness.erp.calls.clear()
    polls.poll_expenses(harness.container, harness.connection.id)
    assert harness.poll_moment() == []
    assert not harness.erp.calls
