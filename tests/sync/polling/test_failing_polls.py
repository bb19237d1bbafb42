import pytest
from sqlalchemy import update

from models.enums import EntityType, Lane
from models.inbox import cursors
from models.schema.tables import ConnectionRow
from sync.errors import RateLimitedError, UnavailableError
from sync.polling import failing_polls
from sync.polling.failing_polls import STALLED_AFTER, UNPOLLED_AFTER
from sync.polling.polls import poll_moment
from tests.sync.conftest import SyncHarness


@pytest.fixture
def invoices(harness: SyncHarness) -> Lane:
    lane = Lane(harness.connection.id, EntityType.INVOICE)
    poll_moment(harness.database, harness.moment, lane, now=harness.now)
    harness.later(seconds=1)
    return lane


def fail(harness: SyncHarness, lane: Lane, error: UnavailableError) -> None:
    harness.moment.fails_before["changed"] = [error]
    with pytest.raises(UnavailableError):
        poll_moment(harness.database, harness.moment, lane, now=harness.now)


def tell(harness: SyncHarness) -> list[str]:
    """Queue the alerts that are due, and return all that have been queued."""
    failing_polls.queue_alerts(harness.database, harness.connections.all(), now=harness.now)
    return [alert_type for alert_type, _ in harness.mails()]


@pytest.mark.parametrize(
    "error", [UnavailableError("Moment sent more than 16 MiB."), RateLimitedError("No requests are left.")]
)
def test_a_poll_that_keeps_failing_is_reported_once(
    harness: SyncHarness, invoices: Lane, error: UnavailableError
) -> None:
    fail(harness, invoices, error)
    harness.later(hours=2)
    fail(harness, invoices, error)
    assert tell(harness) == []
    harness.later(hours=2)
    assert tell(harness) == ["stalled"]
    assert tell(harness) == ["stalled"]  # the same one


def test_a_recovered_poll_is_reported_to_those_who_were_alerted(harness: SyncHarness, invoices: Lane) -> None:
    fail(harness, invoices, UnavailableError("Moment is down."))
    harness.later(hours=4)
    tell(harness)
    poll_moment(harness.database, harness.moment, invoices, now=harness.now)
    assert tell(harness) == ["stalled", "recovered"]
    assert tell(harness) == ["stalled", "recovered"]


def test_partly_caught_up_polls_are_not_reported_as_recovered(harness: SyncHarness, invoices: Lane) -> None:
    fail(harness, invoices, UnavailableError("Moment is down."))
    harness.later(hours=4)
    tell(harness)
    cursors.record_progress(harness.database, invoices, now=harness.now, finished=False)
    assert tell(harness) == ["stalled"]
    cursors.record_progress(harness.database, invoices, now=harness.now, finished=True)
    assert tell(harness) == ["stalled", "recovered"]


def test_a_connection_that_is_not_polled_is_reported(harness: SyncHarness, invoices: Lane) -> None:
    harness.later(seconds=UNPOLLED_AFTER.total_seconds() + 1)
    assert tell(harness) == []
    harness.later(seconds=STALLED_AFTER.total_seconds() + 1)
    assert tell(harness) == ["stalled"]
    assert cursors.failing_polls(harness.database, invoices.connection_id, before=harness.now)


def test_settings_that_name_no_types_have_their_polls_reported(harness: SyncHarness, invoices: Lane) -> None:
    without = ConnectionRow.settings.op("-")("entity_types")
    harness.database.execute(update(ConnectionRow).values(settings=without))
    fail(harness, invoices, UnavailableError("Moment is down."))
    harness.later(hours=4)
    assert tell(harness) == ["stalled"]


def test_a_paused_connection_and_a_type_that_is_off_are_not_reported(harness: SyncHarness, invoices: Lane) -> None:
    fail(harness, invoices, UnavailableError("Moment is down."))
    harness.change_settings(entity_types=["customer"])
    harness.later(days=1)
    assert tell(harness) == []
    harness.change_settings(entity_types=["invoice"])
    harness.connections.pause(harness.connection.id, "The key is wrong.", now=harness.now)
    assert tell(harness) == []
    harness.connections.resume(harness.connection.id, actor="test", now=harness.now)
    assert tell(harness) == []  # the next poll is a few minutes away
