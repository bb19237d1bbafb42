"""The log fields while a lane is drained, and that none of them stays afterwards."""

from dataclasses import replace
from typing import Any

from pydantic import SecretStr
from redis import Redis
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from models.enums import EntityType, Lane
from tests import factories
from tests.sync.conftest import World
from worker.observability.instrumentation import Instrumentation
from worker.observability.metrics import Metrics
from worker.observability.tracing import Tracer


def said_by(world: World, entity_type: EntityType) -> list[dict[str, Any]]:
    instrumentation = Instrumentation(Metrics(SecretStr("")), Tracer("", Redis(port=1)))
    runner = replace(world.runner(), instrumentation=instrumentation)
    with capture_logs(processors=[merge_contextvars]) as said:
        runner.drain(Lane(world.connection.id, entity_type))
    assert get_contextvars() == {}
    return [dict(each) for each in said]


def test_a_log_line_during_a_job_names_it_and_the_attempt(world: World) -> None:
    world.moment.put(factories.customer("1", name=None))  # what no reader of Moment lets through
    world.receive(EntityType.CUSTOMER, "1", "2")
    crashed, *attempts = said_by(world, EntityType.CUSTOMER)
    assert crashed["event"] == "flow_crashed"
    change = world.job(EntityType.CUSTOMER, "1").id
    assert (crashed["connection"], crashed["entity_type"], crashed["job"]) == (
        world.connection.id,
        "customer",
        change,
    )
    assert {each["lease_id"] for each in attempts} == {crashed["lease_id"]}
    assert {each["job"] for each in attempts} == {change, world.job(EntityType.CUSTOMER, "2").id}


def test_a_retry_has_another_attempt_id(world: World) -> None:
    world.moment.put(factories.customer("1", name=None))
    world.receive(EntityType.CUSTOMER, "1")
    first = said_by(world, EntityType.CUSTOMER)[0]
    world.later(hours=2)
    second = said_by(world, EntityType.CUSTOMER)[0]
    assert first["job"] == second["job"]
    assert first["lease_id"] != second["lease_id"]


def test_a_log_line_about_a_batch_names_all_its_jobs(world: World) -> None:
    world.moment.put(factories.customer("1"), factories.customer("2"))
    world.erp.fails_before["save_companies"] = [RuntimeError("broken")]
    world.receive(EntityType.CUSTOMER, "1", "2")
    crashed = said_by(world, EntityType.CUSTOMER)[0]
    assert crashed["event"] == "flow_crashed"
    assert crashed["jobs"] == [world.job(EntityType.CUSTOMER, each).id for each in ("1", "2")]
