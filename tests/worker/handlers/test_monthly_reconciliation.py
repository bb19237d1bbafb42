"""The monthly reconciliation that beat requests, and its mail."""

from datetime import UTC, datetime, timedelta

import pytest

from models.admin.operations import OperationType
from models.connections import alert_outbox
from models.connections.repository import Connection
from models.enums import EntityType
from tests.factories import settings
from tests.installation import messages
from worker import tasks
from worker.container import Container
from worker.handlers import monthly_reconciliation, operations

EARLY, LATE, NEXT = (datetime(2026, month, day, 9, tzinfo=UTC) for month, day in ((11, 2), (11, 3), (12, 4)))


@pytest.fixture
def connection(container: Container) -> Connection:
    container.connections.add("Not this AS", settings(moment_company="not-this-as"), actor="test", now=EARLY)
    return container.connections.add("Demo AS", settings(monthly_reconciliation=True), actor="test", now=EARLY)[0]


def at(container: Container, now: datetime) -> None:
    container.clock = lambda: now


def run_due(container: Container) -> None:
    (number,) = monthly_reconciliation.due(container)
    operations.run(container, number)


def test_the_month_before_is_compared_once_from_the_third_on(container: Container, connection: Connection) -> None:
    at(container, EARLY)
    assert list(monthly_reconciliation.due(container)) == []
    at(container, LATE)
    (number,) = monthly_reconciliation.due(container)
    assert list(monthly_reconciliation.due(container)) == [number]
    operations.run(container, number)
    assert list(monthly_reconciliation.due(container)) == []
    operation = container.operations.get(number)
    assert operation
    assert (operation.connection_id, operation.input) == (
        connection.id,
        {"first": "2026-10-01", "last": "2026-10-31"},
    )
    at(container, NEXT)
    assert len(list(monthly_reconciliation.due(container))) == 1


def test_the_result_is_mailed_once(container: Container, connection: Connection) -> None:
    at(container, LATE)
    tasks.send_reminders()
    ((task, number),) = messages(container)
    assert task == "run_operation"
    for _ in range(2):
        operations.run(container, number)
    (alert,) = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert alert.title == "Reconciliation of Demo AS"
    assert alert.message.startswith("01.10.2026 to 31.10.2026: 0 invoices")
    assert alert.remedy == f"View the reconciliation: https://bridge.example/operations/{number}"
    operation = container.operations.latest(connection.id, OperationType.MONTHLY_RECONCILIATION)
    assert operation
    assert operation.result


def test_the_mail_includes_expenses_if_they_are_synced(container: Container, connection: Connection) -> None:
    at(container, LATE)
    wanted = {"entity_types": tuple(EntityType), "expense_accounts": "4300"}
    container.connections.update(connection.id, wanted, actor="test", now=LATE)
    run_due(container)
    (alert,) = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert alert.message.endswith("Expenses: 0 match the ledger, 0 differ.")


def test_a_mail_says_why_the_ledger_could_not_be_compared(container: Container, connection: Connection) -> None:
    at(container, LATE)
    container.connections.update(connection.id, {"moment_company": "9999"}, actor="test", now=LATE)
    run_due(container)
    (alert,) = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert alert.message.startswith("The reconciliation couldn't be run. Company 9999 doesn't exist in Moment.")


def test_a_failed_reconciliation_is_retried_hourly_and_mailed_once(
    container: Container, connection: Connection
) -> None:
    right = connection.settings.moment_company
    container.connections.update(connection.id, {"moment_company": "9999"}, actor="test", now=LATE)
    for hour in range(3):
        at(container, LATE + timedelta(hours=hour))
        run_due(container)
        assert list(monthly_reconciliation.due(container)) == []
    assert len(alert_outbox.pending_alerts(container.database, "books@example.com")) == 1
    container.connections.update(connection.id, {"moment_company": right}, actor="test", now=LATE)
    at(container, LATE + timedelta(days=1))
    run_due(container)
    failed, made = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert failed.message.endswith("It is retried every hour.")
    assert made.message.startswith("01.10.2026 to 31.10.2026: 0 invoices")
    at(container, LATE + timedelta(days=2))
    assert list(monthly_reconciliation.due(container)) == []


def test_a_failed_reconciliation_waits_until_the_connection_works_again(
    container: Container, connection: Connection
) -> None:
    container.connections.update(connection.id, {"moment_company": "9999"}, actor="test", now=LATE)
    at(container, LATE)
    run_due(container)
    container.connections.pause(connection.id, because="Its key is refused.", actor="test", now=LATE)
    at(container, LATE + timedelta(hours=1))
    assert list(monthly_reconciliation.due(container)) == []
    container.connections.resume(connection.id, actor="test", now=LATE)
    assert len(list(monthly_reconciliation.due(container))) == 1
