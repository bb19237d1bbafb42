import pytest
from sqlalchemy import update

from models.enums import EntityType, Lane
from models.inbox import cursors
from models.schema.tables import ConnectionRow
from sync.errors import RateLimitedError, UnavailableError
from sync.polling import failing_polls
from sync.polling.failing_polls import STALLED_AFTER, UNPOLLED_AFTER
from sync.polling.polls import poll_moment
from tests.sync.conftest import World


@pytest.fixture
def invoices(world: World) -> Lane:
    lane = Lane(world.connection.id, EntityType.INVOICE)
    poll_moment(world.database, world.moment, lane, now=world.now)
    world.later(seconds=1)
    return lane


def fail(world: World, lane: Lane, error: UnavailableError) -> None:
    world.moment.fails_before["changed"] = [error]
    with pytest.raises(UnavailableError):
        poll_moment(world.database, world.moment, lane, now=world.now)


def tell(world: World) -> list[str]:
    """Queue the alerts that are due, and return all that have been queued."""
    failing_polls.queue_alerts(world.database, world.connections.all(), now=world.now)
    return [alert_type for alert_type, _ in world.mails()]


@pytest.mark.parametrize(
    "error", [UnavailableError("Moment sent more than 16 MiB."), RateLimitedError("No requests are left.")]
)
def test_a_poll_that_keeps_failing_is_reported_once(world: World, invoices: Lane, error: UnavailableError) -> None:
    fail(world, invoices, error)
    world.later(hours=2)
    fail(world, invoices, error)
    assert tell(world) == []
    world.later(hours=2)
    assert tell(world) == ["stalled"]
    assert tell(world) == ["stalled"]  # the same one


def test_a_recovered_poll_is_reported_to_those_who_were_alerted(world: World, invoices: Lane) -> None:
    fail(world, invoices, UnavailableError("Moment is down."))
    world.later(hours=4)
    tell(world)
    poll_moment(world.database, world.moment, invoices, now=world.now)
    assert tell(world) == ["stalled", "recovered"]
    assert tell(world) == ["stalled", "recovered"]


def test_partly_caught_up_polls_are_not_reported_as_recovered(world: World, invoices: Lane) -> None:
    fail(world, invoices, UnavailableError("Moment is down."))
    world.later(hours=4)
    tell(world)
    cursors.record_progress(world.database, invoices, now=world.now, finished=False)
    assert tell(world) == ["stalled"]
    cursors.record_progress(world.database, invoices, now=world.now, finished=True)
    assert tell(world) == ["stalled", "recovered"]


def test_a_connection_that_is_not_polled_is_reported(world: World, invoices: Lane) -> None:
    world.later(seconds=UNPOLLED_AFTER.total_seconds() + 1)
    assert tell(world) == []
    world.later(seconds=STALLED_AFTER.total_seconds() + 1)
    assert tell(world) == ["stalled"]
    assert cursors.failing_polls(world.database, invoices.connection_id, before=world.now)


def test_settings_that_name_no_types_have_their_polls_reported(world: World, invoices: Lane) -> None:
    without = ConnectionRow.settings.op("-")("entity_types")
    world.database.execute(update(ConnectionRow).values(settings=without))
    fail(world, invoices, UnavailableError("Moment is down."))
    world.later(hours=4)
    assert tell(world) == ["stalled"]


def test_a_paused_connection_and_a_type_that_is_off_are_not_reported(world: World, invoices: Lane) -> None:
    fail(world, invoices, UnavailableError("Moment is down."))
    world.change_settings(entity_types=["customer"])
    world.later(days=1)
    assert tell(world) == []
    world.change_settings(entity_types=["invoice"])
    world.connections.pause(world.connection.id, "The key is wrong.", now=world.now)
    assert tell(world) == []
    world.connections.resume(world.connection.id, actor="test", now=world.now)
    assert tell(world) == []  # the next poll is a few minutes away
