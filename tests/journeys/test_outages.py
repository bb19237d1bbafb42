"""Outages of the servers and the processes. Tests restart what they kill, as the supervisor or a cluster does."""

import time

import pytest

from local.demo_user import eventually, expect
from models.enums import EntityType
from tests.journeys.firm import Firm, Record
from worker.container import clock

BATCH = 20
"""Vouchers that are posted in one call."""


@pytest.fixture
def invoices(firm: Firm) -> list[Record]:
    """Invoices of more than one batch, all pending while the firm is paused."""
    project = firm.project()
    eventually(lambda: expect("projects", len(firm.records("projects")), 1))
    firm.container.connections.pause(firm.connection.id, "Until all is there.", now=clock())
    invoices = [firm.invoice(project, price=f"{n}.05") for n in range(1, BATCH + 11)]
    eventually(lambda: expect("pending invoices", pending_jobs(firm, EntityType.INVOICE), len(invoices)))
    return invoices


@pytest.mark.kills
@pytest.mark.parametrize("seconds", [10])
def test_no_event_received_while_redis_is_down_is_lost(firm: Firm, seconds: int) -> None:
    project = firm.project()
    redis = firm.stack.parts["redis"]
    invoices, answers = [], set()
    end = time.monotonic() + seconds
    redis.kill()
    while time.monotonic() < end:
        invoices.append(firm.invoice(project))
        answers.add(firm.notify(invoices[-1]))
        time.sleep(0.2)
    redis.start()
    assert answers == {202}
    firm.expect_vouchers(invoices, on_check=firm.restart_dead_processes)  # Celery may end when Redis goes away


@pytest.mark.kills
def test_without_postgresql_a_webhook_is_refused_and_arrives_when_it_is_sent_again(firm: Firm) -> None:
    project = firm.project()
    postgres = firm.stack.parts["postgres"]
    postgres.kill()
    firm.control("moment", "PUT", f"webhooks/{firm.company}", {})
    invoices = [firm.invoice(project) for _ in range(3)]
    refused = [firm.notify(invoice) for invoice in invoices]
    postgres.start()
    assert refused == [503, 503, 503]
    assert [firm.notify(invoice) for invoice in invoices] == [202, 202, 202]
    firm.expect_vouchers(invoices)


@pytest.mark.kills
@pytest.mark.parametrize("saved", [False, True], ids=["before anything is saved", "when something is saved"])
def test_a_worker_killed_amid_a_batch_loses_and_duplicates_nothing(
    firm: Firm, invoices: list[Record], *, saved: bool
) -> None:
    worker = firm.stack.parts["worker"]
    if not saved:
        firm.add_fault("twentyfour", "SaveBundleList", "slow", seconds=2)
    resume(firm)
    patience = time.monotonic() + 30
    while not (firm.vouchers() if saved else posts(firm)):  # without a pause, to be there before it is noted here
        assert time.monotonic() < patience
    worker.kill()
    assert firm.running_records()
    worker.start()
    firm.expect_vouchers(invoices)


@pytest.mark.kills
def test_a_worker_told_to_stop_finishes_its_batch(firm: Firm, invoices: list[Record]) -> None:
    worker = firm.stack.parts["worker"]
    firm.add_fault("twentyfour", "SaveBundleList", "slow", seconds=1)
    resume(firm)
    eventually(lambda: expect("calls", posts(firm), 1))
    worker.stop()
    assert firm.running_records() == []
    assert len(firm.vouchers()) in (BATCH, len(invoices))
    worker.start()
    firm.expect_vouchers(invoices)


def pending_jobs(firm: Firm, entity_type: EntityType) -> int:
    return sum(change.startswith(f"{entity_type} ") for change in firm.pending_jobs())


def resume(firm: Firm) -> None:
    firm.container.connections.resume(firm.connection.id, actor="test", now=clock())


def posts(firm: Firm) -> int:
    times: int = firm.calls().get("SaveBundleList", 0)
    return times
