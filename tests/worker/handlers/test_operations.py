"""Operations that take longer than a lease, with two workers."""

from collections.abc import Iterator
from datetime import date, timedelta
from threading import Event, Thread
from typing import Any

import pytest

from models.admin.operations import Operation, OperationResult, OperationType
from models.connections.repository import Connection
from sync.engine.context import SyncContext
from sync.reconciliation.report import ReconciliationReport
from tests.installation import messages
from worker import tasks
from worker.container import Container, clock
from worker.handlers import operations

DAYS = {"first": "2026-10-01", "last": "2026-10-31"}


@pytest.fixture
def other_worker(container: Container) -> Iterator[Container]:
    other = Container(container.settings)
    yield other
    other.close()


class Comparison:
    """A reconciliation that takes as long as a test wants."""

    def __init__(self) -> None:
        self.begun, self.goes_on, self.times = Event(), Event(), 0

    def __call__(self, _context: SyncContext, first: date, last: date) -> ReconciliationReport:
        self.times += 1
        self.begun.set()
        assert self.goes_on.wait(10)
        return ReconciliationReport(first, last, {"equal": 2}, [], [])


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> Comparison:
    comparison = Comparison()
    monkeypatch.setattr(operations, "reconcile", comparison)
    return comparison


def request(container: Container, connection: Connection) -> int:
    return container.operations.request(
        OperationType.RECONCILIATION, connection.id, input_=DAYS, actor="kari", now=clock()
    )


def test_a_long_reconciliation_is_not_started_twice(
    container: Container,
    other_worker: Container,
    connection: Connection,
    comparison: Comparison,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(operations, "RENEW_SECONDS", 0.1)
    long = request(container, connection)
    running = Thread(target=operations.run, args=(container, long))
    running.start()
    assert comparison.begun.wait(10)
    second = request(container, connection)
    comparison.begun.clear()
    second = request(container, connection)
    beside = Thread(target=operations.run, args=(other_worker, long))
    assert not comparison.begun.wait(1.5)  # longer than a lease lasts without renewal
    beside.start()
    next_one = Thread(target=operations.run, args=(other_worker, second))
    next_one.start()
    assert not comparison.begun.wait(0.5)
    comparison.goes_on.set()
    for each in (running, beside, next_one):
        each.join(10)
    operations.run(other_worker, second)
    results = [container.operations.get(number) for number in (long, second)]
    assert [each is not None and each.result is not None for each in results] == [True, True]
    assert comparison.times == 2


def test_a_killed_workers_reconciliation_restarts_when_its_lease_expires(
    container: Container, connection: Connection, comparison: Comparison
) -> None:
    number = request(container, connection)
    assert container.operations.acquire(number, now=clock(), until=clock() + operations.LEASE)
    comparison.goes_on.set()
    assert not operations.run(container, number)
    container.clock = lambda: clock() + operations.LEASE
    assert operations.run(container, number)
    assert comparison.times == 1


def test_a_waiting_reconciliation_is_dispatched_by_the_next_sweep(
    container: Container, connection: Connection
) -> None:
    first = request(container, connection)
    assert container.operations.acquire(first, now=clock(), until=clock() + operations.LEASE)
    second = request(container, connection)
    tasks.dispatch_due()
    assert ("run_operation", second) in messages(container)
    container.redis.delete("operations")
    tasks.run_operation(second)
    tasks.dispatch_due()
    assert messages(container) == [("run_operation", second)]


def test_a_login_that_replaces_another_just_before_the_test_is_tested(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(username: str) -> int:
        login = {"username": username, "password": "typed-password"}
        return container.operations.request(
            OperationType.CLIENTS, connection.id, input_=login, actor="kari", now=clock()
        )

    def acquire_once_replaced(*args: Any, **named: Any) -> object:
        assert typed("right@example.com") == number
        return acquire(*args, **named)

    def result(_: Container, asked: Operation) -> OperationResult:
        tried.append(asked.input["username"])
        return {}

    number, acquire, tried = typed("wrong@example.com"), container.operations.acquire, list[str]()
    monkeypatch.setattr(container.operations, "acquire", acquire_once_replaced)
    monkeypatch.setattr(operations, "_execute", result)
    assert operations.run(container, number)
    assert (answered := container.operations.get(number))
    assert (tried, answered.input) == (["right@example.com"], {"username": "right@example.com"})
