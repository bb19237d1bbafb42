from datetime import datetime

import pytest

from models.enums import EntityType, Lane
from models.inbox import circuit_breaker, cursors
from sync.engine.outcomes import connection_problem
from sync.errors import AnswerTooLargeError, RateLimitedError, SyncError, UnavailableError
from sync.polling import outages
from sync.polling.polls import poll_moment
from tests.sync.conftest import World

AWAY = UnavailableError("Moment is down.")


@pytest.fixture
def customers(world: World) -> Lane:
    return Lane(world.connection.id, EntityType.CUSTOMER)


def poll(world: World, lane: Lane, error: SyncError | None = None) -> None:
    """Poll as a worker does, a while later."""
    world.later(minutes=6)
    failed = cursors.failures(world.database, lane)
    world.moment.fails_before["changed"] = [error]
    try:
        poll_moment(world.database, world.moment, lane, now=world.now)
    except SyncError as heard:
        outages.record_failure(world.database, lane.connection_id, heard, now=world.now, jitter=0.5)
    else:
        outages.record_success(world.database, lane.connection_id, failed=failed, now=world.now)


def open_until(world: World) -> datetime | None:
    return world.connections.get(world.connection.id).breaker_open_until


def test_an_outage_that_only_polls_have_met_is_ended_by_a_poll(world: World, customers: Lane) -> None:
    for _ in range(3):
        poll(world, customers, AWAY)
    assert open_until(world)
    assert [alert_type for alert_type, _ in world.mails()] == ["outage"]
    poll(world, customers)
    assert open_until(world) is None
    assert [alert_type for alert_type, _ in world.mails()] == ["outage", "recovered"]


def test_an_outage_that_jobs_have_met_too_is_not_ended_by_a_poll(world: World, customers: Lane) -> None:
    for _ in range(3):
        poll(world, customers, AWAY)
    problem = connection_problem(AWAY)
    assert problem
    with world.database.transaction() as session:
        circuit_breaker.record_batch(
            session, world.connection.id, synced=False, problems=[problem], now=world.now, jitter=0.5
        )
    poll(world, customers)
    assert open_until(world)


@pytest.mark.parametrize(
    "error", [AnswerTooLargeError("It is too much."), RateLimitedError("None are left.", error_code="budget")]
)
def test_a_poll_that_shows_no_outage_does_not_open_the_circuit_breaker(
    world: World, customers: Lane, error: SyncError
) -> None:
    for _ in range(10):
        poll(world, customers, error)
    assert open_until(world) is None
