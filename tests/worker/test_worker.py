"""A real worker and a real beat, as separate processes."""

import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from local.servers import Server, free_ports
from models.admin.operations import OperationResult, OperationType
from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox.enqueue import enqueue
from tests.installation import TIMEOUT_SECONDS, add_failed_job, eventually, process
from tests.sandbox.serving import Systems
from worker import alive, dispatch, heartbeat
from worker.celery_app import app
from worker.container import Container, clock

CUSTOMER, DRAFT = "62788973", "106939080"
ALONE = ("--without-gossip", "--without-mingle")


@pytest.fixture
def worker(environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    with process("celery", "-A", "worker.celery_app", "worker", *ALONE, environ=environ) as running:
        await_line(running, "ready.")
        yield running


@pytest.fixture
def beat(environ: Mapping[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    schedule = ("--schedule", str(tmp_path / "beat"))
    with process("celery", "-A", "worker.beat", "beat", *schedule, environ=environ) as running:
        yield running


@pytest.mark.usefixtures("worker")
def test_a_wake_up_posts_an_invoice_to_the_ledger(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    finalize(fresh_systems)
    record = Record(EntityType.INVOICE, DRAFT)
    enqueue(container.database, connection.id, [record], now=clock())
    dispatch.dispatch_lanes([Lane(connection.id, record.entity_type)])
    (voucher,) = eventually(lambda: vouchers(fresh_systems))
    assert (voucher["number"], voucher["lines"][0]["customer"]) == (1, 10001)


@pytest.mark.usefixtures("worker")
def test_a_worker_answers_health_checks_on_its_host(container: Container, environ: Mapping[str, str]) -> None:
    eventually(lambda: not heartbeat.is_unresponsive(container.redis))
    assert alive.main(["--here"], environ) == ""


def test_a_worker_exposes_its_metrics_at_the_configured_port(environ: Mapping[str, str]) -> None:
    (port,) = free_ports(0)
    with watched_worker(environ, port) as running:
        await_line(running, "ready.")
        output = requests.get(
            f"http://127.0.0.1:{port}/metrics", headers={"Authorization": "Bearer t"}, timeout=10
        )
    assert "moment24_tasks_running 0.0" in output.text.splitlines()


def test_a_worker_works_even_if_its_metrics_port_is_taken(environ: Mapping[str, str]) -> None:
    with socket.create_server(("", 0)) as taken, watched_worker(environ, taken.getsockname()[1]) as running:
        assert running.stdout
        assert any("metrics_not_served" in line for line in iter(running.stdout.readline, ""))
        await_line(running, "ready.")


def test_a_hanging_system_delays_no_mails_sweeps_or_the_other_system(
    container: Container, connection: Connection, environ: Mapping[str, str], fresh_systems: Systems
) -> None:
    """More polls of Moment hang than the worker has threads, for longer than the test waits."""
    hang = {"operation": "*", "kind": "hang", "times": 1000, "seconds": TIMEOUT_SECONDS * 2}
    fresh_systems.control("moment", "POST", "faults", hang)
    polled = [
        container.connections.add(
            f"Branch {n}",
            connection.settings.model_copy(update={"moment_company": f"branch-{n}"}),
            actor="test",
            now=clock(),
        )[0]
        for n in range(9)
    ]
    costs = {"entity_types": ["invoice", "expense"], "expense_accounts": "4000"}
    container.connections.update(connection.id, costs, actor="test", now=clock())
    with process(
        "celery", "-A", "worker.celery_app", "worker", *ALONE, environ={**environ, "WORKER_THREADS": "4"}
    ):
        dispatch.dispatch_polls("poll_moment", {each.id: timedelta(minutes=5) for each in polled})
        eventually(lambda: fresh_systems.control("moment", "GET", "calls"))
        add_failed_job(container, connection)
        for task in ("send_alerts", "dispatch_due"):
            app.send_task(task)
        dispatch.dispatch_polls("poll_expenses", {connection.id: timedelta(minutes=5)})
        eventually(lambda: fresh_systems.control("mail", "GET", "mails"))
        eventually(lambda: heartbeat.is_alive(container.redis))
        eventually(lambda: calls(fresh_systems)["GetTransactions"])


@pytest.mark.kills
@pytest.mark.usefixtures("worker", "beat")
def test_jobs_received_while_redis_was_down_are_synced_when_it_is_back(
    container: Container, connection: Connection, fresh_systems: Systems, redis_server: Server
) -> None:
    finalize(fresh_systems)
    record = Record(EntityType.INVOICE, DRAFT)
    redis_server.kill()
    try:
        enqueue(container.database, connection.id, [record], now=clock())
        dispatch.dispatch_lanes([Lane(connection.id, record.entity_type)])
    finally:
        redis_server.start()
    assert len(eventually(lambda: vouchers(fresh_systems))) == 1


@pytest.mark.kills
@pytest.mark.usefixtures("worker", "beat")
def test_operations_requested_while_redis_was_down_run_when_it_is_back(
    container: Container, connection: Connection, redis_server: Server
) -> None:
    redis_server.kill()
    try:
        number = container.operations.request(OperationType.DIAGNOSTICS, connection.id, actor="test", now=clock())
        dispatch.dispatch_operations([number])
    finally:
        redis_server.start()

    def answer() -> OperationResult | None:
        operation = container.operations.get(number)
        return operation.result if operation else None

    assert answer() is None
    assert [each["name"] for each in (eventually(answer) or {})["clients"]] == ["Demo AS"]


@pytest.mark.kills
def test_a_worker_told_to_stop_finishes_its_batches(
    container: Container, connection: Connection, fresh_systems: Systems, worker: subprocess.Popen[str]
) -> None:
    slow = {"operation": "SaveCompanies", "kind": "slow", "seconds": 1}
    fresh_systems.control("twentyfour", "POST", "faults", slow)
    record = Record(EntityType.CUSTOMER, CUSTOMER)
    enqueue(container.database, connection.id, [record], now=clock())
    dispatch.dispatch_lanes([Lane(connection.id, record.entity_type)])
    eventually(lambda: fresh_systems.control("twentyfour", "GET", "calls").get("SaveCompanies"))
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=30)
    assert worker.returncode == 0
    found = fresh_systems.control("moment", "GET", "books/1001/customers")
    assert [each["customerNumber"] for each in found if str(each["id"]) == CUSTOMER] == ["10001"]


@pytest.mark.kills
@pytest.mark.parametrize(
    ("record", "operation"),
    [
        (Record(EntityType.CUSTOMER, CUSTOMER), "SaveCompanies"),
        (Record(EntityType.INVOICE, DRAFT), "SaveBundleList"),
    ],
)
def test_a_worker_frozen_for_longer_than_its_lease_sends_nothing_more(
    container: Container,
    environ: Mapping[str, str],
    connection: Connection,
    fresh_systems: Systems,
    record: Record,
    operation: str,
) -> None:
    """The worker renewed its lease just before it was stopped. Meanwhile, another worker took over, verified, and sent."""
    finalize(fresh_systems)
    lane, result = (
        Lane(connection.id, record.entity_type),
        {**environ, "LEASE_SECONDS": "5", "STOPS_AT": operation},
    )
    with process("celery", "-A", "tests.worker.stopping_worker", "worker", *ALONE, environ=result) as stopped:
        await_line(stopped, "ready.")
        enqueue(container.database, connection.id, [record], now=clock())
        dispatch.dispatch_lanes([lane])
        eventually(lambda: is_stopped(stopped))
        eventually(lambda: container.runner.drain(lane) or calls(fresh_systems)[operation])
        stopped.send_signal(signal.SIGCONT)
        stopped.send_signal(signal.SIGTERM)
        output, _ = stopped.communicate(timeout=60)
    assert "lease_lost" in output
    assert calls(fresh_systems)[operation] == 1


def calls(fresh_systems: Systems) -> Counter[str]:
    return Counter(fresh_systems.control("twentyfour", "GET", "calls"))


def is_stopped(running: subprocess.Popen[str]) -> bool:
    return Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def watched_worker(environ: Mapping[str, str], port: int) -> AbstractContextManager[subprocess.Popen[str]]:
    environ = {**environ, "METRICS_TOKEN": "t", "WORKER_METRICS_PORT": str(port)}
    return process("celery", "-A", "worker.celery_app", "worker", *ALONE, environ=environ)


def await_line(running: subprocess.Popen[str], end: str) -> None:
    assert running.stdout
    for line in running.stdout:
        if line.rstrip().endswith(end):
            return
    raise AssertionError("It ended before it was ready.")


def finalize(fresh_systems: Systems) -> None:
    fresh_systems.control("moment", "POST", f"companies/1001/invoices/{DRAFT}/finalize")


def vouchers(fresh_systems: Systems) -> list[Any]:
    return list(fresh_systems.control("twentyfour", "GET", "books/1/vouchers"))
