from datetime import datetime

import pytest

from models.admin import job_actions
from models.admin.job_filter import JobFilter
from models.enums import EntityType, Lane
from sync.errors import RateLimitedError, ResponseTooLargeError, SyncError, UnavailableError
from sync.polling import failing_polls
from sync.polling.polls import poll_moment
from tests import factories
from tests.sync.conftest import World

AWAY = UnavailableError("Moment is down.")


def poll(world: World, error: SyncError | None = None, *, entity_type: EntityType = EntityType.CUSTOMER) -> None:
    """Poll one type as a worker does, a while later."""
    world.later(minutes=6)
    lane = Lane(world.connection.id, entity_type)
    world.moment.fails_before["changed"] = [error]
    try:
        poll_moment(world.database, world.moment, lane, now=world.now)
    except SyncError as heard:
        failing_polls.record_failure(
            world.database, world.connection, [entity_type], heard, now=world.now, jitter=0.5
        )
    else:
        failing_polls.record_success(world.database, world.connection, [entity_type], now=world.now)


def open_until(world: World) -> datetime | None:
    return world.connections.get(world.connection.id).breaker_open_until


def test_an_outage_met_only_by_polls_is_ended_by_a_poll(world: World) -> None:
    for _ in range(3):
        poll(world, AWAY)
    assert open_until(world)
    assert [alert_type for alert_type, _ in world.mails()] == ["outage"]
    poll(world)
    assert open_until(world) is None
    assert [alert_type for alert_type, _ in world.mails()] == ["outage", "recovered"]


def test_a_poll_that_ends_after_the_connection_was_paused_announces_no_recovery(world: World) -> None:
    for _ in range(3):
        poll(world, AWAY)
    world.connections.pause(world.connection.id, "for a test", now=world.now)
    poll(world)
    assert [alert_type for alert_type, _ in world.mails()] == ["outage"]


def test_a_poll_that_fails_after_the_connection_was_paused_announces_no_outage(world: World) -> None:
    for _ in range(2):
        poll(world, AWAY)
    world.connections.pause(world.connection.id, "for a test", now=world.now)
    poll(world, AWAY)
    assert world.mails() == []


@pytest.fixture
def met_by_a_job(world: World) -> World:
    """An outage of 24SevenOffice that one waiting invoice has met."""
    world.begin()
    world.moment.put(factories.invoice("9"))
    world.receive(EntityType.INVOICE, "9")
    world.erp.fails_before["post"] = [AWAY] * 4
    for _ in range(4):
        world.run()
        world.later(minutes=2)
    assert [alert_type for alert_type, _ in world.mails()] == ["outage"]
    return world


def test_an_outage_met_by_a_job_is_not_ended_by_a_poll(met_by_a_job: World) -> None:
    poll(met_by_a_job, AWAY)
    poll(met_by_a_job)
    assert open_until(met_by_a_job)
    assert [alert_type for alert_type, _ in met_by_a_job.mails()] == ["outage"]


@pytest.mark.parametrize("by", ["dismissed", "switched off"])
def test_an_outage_without_waiting_jobs_is_ended_by_a_poll(met_by_a_job: World, by: str) -> None:
    world = met_by_a_job
    if by == "dismissed":
        job = world.job(EntityType.INVOICE, "9").id
        job_actions.dismiss(
            world.database, JobFilter(ids=frozenset({job})), because="", actor="kari", now=world.now
        )
    else:
        world.change_settings(entity_types=["customer", "project"])
    poll(world)
    assert open_until(world) is None
    assert [alert_type for alert_type, _ in world.mails()] == ["outage", "recovered"]


def test_a_list_that_fails_while_records_are_synced_is_no_outage(world: World) -> None:
    poll(world, AWAY)
    world.later(minutes=1)
    world.begin()
    for _ in range(5):
        poll(world, AWAY)
    assert open_until(world) is None
    assert world.mails() == []


@pytest.mark.parametrize("first", [AWAY, RateLimitedError("None are left.", error_code="budget")])
def test_an_outage_that_begins_while_records_are_still_synced_is_noticed(world: World, first: SyncError) -> None:
    poll(world, first)
    world.later(minutes=1)
    world.begin()
    for _ in range(14):
        poll(world, AWAY)
    assert open_until(world)
    assert [alert_type for alert_type, _ in world.mails()] == ["outage"]


@pytest.mark.parametrize(
    "error", [ResponseTooLargeError("It is too much."), RateLimitedError("None are left.", error_code="budget")]
)
def test_a_poll_that_shows_no_outage_does_not_open_the_circuit_breaker(world: World, error: SyncError) -> None:
    for _ in range(10):
        poll(world, error)
    assert open_until(world) is None
