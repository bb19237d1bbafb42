"""An installation for the tests: the environment of its processes, and this process's container."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypeVar

import pytest
import structlog
from cryptography.fernet import Fernet

from models.admin.operations import OperationType
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox.transitions import JobEvent
from sync.reconciliation.report import Discrepancy, DiscrepancyType, ReconciliationReport, Total
from tests.models.completed_jobs import completed_job
from worker import container as worker_container
from worker.container import Container
from worker.queues import QUEUE_OF, QUEUES

T = TypeVar("T")

TIMEOUT_SECONDS = 30
EXPENSE_KEY = "2026-104-40001/1/4300"


def environment(database_url: str, redis_url: str, sandbox: Mapping[str, str] | None = None) -> dict[str, str]:
    systems = sandbox or dict.fromkeys(("moment", "twentyfour", "smtp"), "smtp://127.0.0.1:1")
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": Fernet.generate_key().decode(),
        "MOMENT_URL": f"{systems['moment']}/api/1.0",
        "TWENTYFOUR_API_URL": systems["twentyfour"],
        "TWENTYFOUR_WEB_URL": systems["twentyfour"],
        "TWENTYFOUR_REQUESTS_PER_SECOND": "1000",  # the sandbox of the tests allows it
        "SMTP_URL": systems["smtp"],
        "PUBLIC_URL": "https://bridge.example",
        "DISPATCH_SECONDS": "0.5",
        "LOG_FORMAT": "text",
    }


@contextmanager
def installed(environ: Mapping[str, str]) -> Iterator[Container]:
    """Make this process one of the installation."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        worker_container.get_container.cache_clear()
        container = worker_container.get_container()
        yield container
        container.close()
        worker_container.get_container.cache_clear()


@contextmanager
def own_logging() -> Iterator[None]:
    """Let the test configure logging as a process does, and undo it."""
    root, configure = logging.getLogger(), structlog.configure
    before, level = list(root.handlers), root.level

    def configure_for_now(**options: Any) -> None:
        configure(**options | {"cache_logger_on_first_use": False})

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(structlog, "configure", configure_for_now)
            yield
    finally:
        root.handlers[:], root.level = before, level
        structlog.reset_defaults()


@contextmanager
def process(*arguments: str, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run another process of the installation. The test reads its output."""
    command = [sys.executable, "-m", *arguments]
    env = {**os.environ, **environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def messages(container: Container) -> list[tuple[str, int]]:
    """Return the queued messages as task and connection id, the next one first."""
    waiting = [json.loads(each) for queue in QUEUES for each in container.redis.lrange(queue, 0, -1)]
    return [(each["headers"]["task"], json.loads(each["headers"]["argsrepr"])[0]) for each in reversed(waiting)]


def queued_polls(container: Container) -> list[tuple[int, int]]:
    """Return the queued polls of Moment as connection id and poll number, the next one first."""
    waiting = [json.loads(each) for each in container.redis.lrange(QUEUE_OF["poll_moment"], 0, -1)]
    given = [json.loads(each["headers"]["argsrepr"]) for each in reversed(waiting)]
    return [(connection_id, poll_number) for connection_id, poll_number in given]


def add_failed_job(
    container: Container,
    connection: Connection,
    *,
    record_id: str = "9",
    title: str = "Invoice 1024",
    now: datetime | None = None,
) -> int:
    """Add a job that needs attention, and return its id."""
    message, remedy = "The account 3999 is unknown.", "Open the account in 24SevenOffice."
    alert = Alert(
        type=AlertType.NEEDS_ATTENTION,
        title=title,
        message=message,
        remedy=remedy,
        recipients=connection.settings.error_emails,
    )
    job = completed_job(
        container.database,
        connection.id,
        Record(EntityType.INVOICE, record_id),
        event=JobEvent.REJECTED,
        at=now or worker_container.clock(),
        error_code="account",
        title=title,
        message=message,
        remedy=remedy,
        alert=alert,
    )
    return job.id


def add_reconciliation(
    container: Container,
    connection: Connection,
    *,
    record_id: str = "9",
    amount: int = 240000,
    with_expenses: bool = False,
) -> int:
    """Add a reconciliation with a missing invoice and an unknown voucher, and return the id of its operation."""
    now, day = worker_container.clock(), date(2026, 10, 15)
    operation_id = container.operations.request(
        OperationType.RECONCILIATION, connection.id, actor="kari@example.com", now=now
    )
    discrepancies = [
        Discrepancy(DiscrepancyType.MISSING, "1024", day, record_id, amount=amount),
        Discrepancy(DiscrepancyType.LEDGER_ONLY, "77", day, vouchers=("2026-101-17",), amount=100),
    ]
    totals = [Total(2701, "", -48000, 0), Total(3000, "3", -192000, 0, "25")]
    expense = Discrepancy(
        DiscrepancyType.NOT_IN_MOMENT,
        "F-77",
        day,
        vouchers=("2026-104-40001",),
        amount=125000,
        expense=EXPENSE_KEY,
    )
    expenses = ReconciliationReport(day, day, {"equal": 5, "removed": 1}, [Total(4300, "", 0, 125000)], [expense])
    first, last = day.replace(day=1), day.replace(day=31)
    report = ReconciliationReport(
        first,
        last,
        {"equal": 2},
        totals,
        discrepancies,
        expenses=expenses if with_expenses else None,
        vat_included=False,
    )
    container.operations.complete(operation_id, {"findings": [], "report": report.as_json()}, now=now)
    return operation_id


def eventually(look: Callable[[], T]) -> T:
    """Retry until the result is true, and return it."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.05)
    return seen
