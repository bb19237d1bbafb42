"""The log fields while a lane is drained, and that none of them stays afterwards."""

from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from redis import Redis
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from models.enums import EntityType, Lane
from tests import factories
from tests.sync.conftest import SyncHarness
from worker.observability.instrumentation import Instrumentation
from worker.observability.metrics import Metrics
from worker.observability.tracing import Tracer


def said_by(harness: SyncHarness, entity_type: EntityType) -> list[dict[str, Any]]:
    instrumentation = Instrumentation(Metrics(SecretStr("")), Tracer("", Redis(port=1)))
    runner = replace(harness.runner(), instrumentation=instrumentation)
    with capture_logs(processors=[merge_contextvars]) as said:
        runner.drain(Lane(harness.connection.id, entity_type))
    assert get_contextvars() == {}
    return [dict(each) for each in said]


def test_a_log_line_during_a_job_names_it_and_the_attempt(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("1", name=None))  # what no reader of Moment lets through
    harness.receive(EntityType.CUSTOMER, "1", "2")
    crashed, *attempts = said_by(harness, EntityType.CUSTOMER)
    assert crashed["event"] == "flow_crashed"
    change = harness.job(EntityType.CUSTOMER, "1").id
    assert (crashed["connection"], crashed["entity_type"], crashed["job"]) == (
        harness.connection.id,
        "customer",
        change,
    )
    assert {each["lease_id"] for each in attempts} == {crashed["lease_id"]}
    assert {each["job"] for each in attempts} == {change, harness.job(EntityType.CUSTOMER, "2").id}


def test_a_retry_has_another_attempt_id(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("1", name=None))
    harness.receive(EntityType.CUSTOMER, "1")
    first = said_by(harness, EntityType.CUSTOMER)[0]
    harness.later(hours=2)
    second = said_by(harness, EntityType.CUSTOMER)[0]
    assert first["job"] == second["job"]
    assert first["lease_id"] != second["lease_id"]


def test_a_log_line_about_a_batch_names_all_its_jobs(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("1"), factories.customer("2"))
    harness.erp.fails_before["save_companies"] = [RuntimeError("broken")]
    harness.receive(EntityType.CUSTOMER, "1", "2")
    crashed = said_by(harness, EntityType.CUSTOMER)[0]
    assert crashed["event"] == "flow_crashed"
    assert crashed["jobs"] == [harness.job(EntityType.CUSTOMER, each).id for each in ("1", "2")]
