from datetime import datetime

import pytest

from models.admin import job_actions
from models.admin.job_filter import JobFilter
from models.enums import EntityType, Lane
from sync.errors import RateLimitedError, ResponseTooLargeError, SyncError, UnavailableError
from sync.polling import failing_polls
from sync.polling.polls import poll_moment
from tests import factories
from tests.sync.conftest import SyncHarness

AWAY = UnavailableError("Moment is down.")


def poll(
    harness: SyncHarness, error: SyncError | None = None, *, entity_type: EntityType = EntityType.CUSTOMER
) -> None:
    """Let some time pass, and poll an entity type as a worker does."""
    harness.later(minutes=6)
    lane = Lane(harness.connection.id, entity_type)
    harness.moment.fails_before["changed"] = [error]
    try:
        poll_moment(harness.database, harness.moment, lane, now=harness.now)
    except SyncError as heard:
        failing_polls.record_failure(
            harness.database, harness.connection, [entity_type], heard, now=harness.now, jitter=0.5
        )
    else:
        failing_polls.record_success(harness.database, harness.connection, [entity_type], now=harness.now)


def open_until(harness: SyncHarness) -> datetime | None:
    return harness.connections.get(harness.connection.id).breaker_open_until


def test_an_outage_met_only_by_polls_is_ended_by_a_poll(harness: SyncHarness) -> None:
    for _ in range(3):
        poll(harness, AWAY)
    assert open_until(harness)
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage"]
    poll(harness)
    assert open_until(harness) is None
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage", "recovered"]


def test_a_poll_that_ends_after_the_connection_was_paused_announces_no_recovery(harness: SyncHarness) -> None:
    for _ in range(3):
        poll(harness, AWAY)
    harness.connections.pause(harness.connection.id, "for a test", now=harness.now)
    poll(harness)
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage"]


def test_a_poll_that_fails_after_the_connection_was_paused_announces_no_outage(harness: SyncHarness) -> None:
    for _ in range(2):
        poll(harness, AWAY)
    harness.connections.pause(harness.connection.id, "for a test", now=harness.now)
    poll(harness, AWAY)
    assert harness.mails() == []


@pytest.fixture
def met_by_a_job(harness: SyncHarness) -> SyncHarness:
    """An outage of 24SevenOffice in which one invoice failed and waits."""
    harness.begin()
    harness.moment.put(factories.invoice("9"))
    harness.receive(EntityType.INVOICE, "9")
    harness.erp.fails_before["post"] = [AWAY] * 4
    for _ in range(4):
        harness.run()
        harness.later(minutes=2)
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage"]
    return harness


def test_an_outage_met_by_a_job_is_not_ended_by_a_poll(met_by_a_job: SyncHarness) -> None:
    poll(met_by_a_job, AWAY)
    poll(met_by_a_job)
    assert open_until(met_by_a_job)
    assert [alert_type for alert_type, _ in met_by_a_job.mails()] == ["outage"]


@pytest.mark.parametrize("by", ["dismissed", "switched off"])
def test_an_outage_without_waiting_jobs_is_ended_by_a_poll(met_by_a_job: SyncHarness, by: str) -> None:
    harness = met_by_a_job
    if by == "dismissed":
        job = harness.job(EntityType.INVOICE, "9").id
        job_actions.dismiss(
            harness.database, JobFilter(ids=frozenset({job})), because="", actor="kari", now=harness.now
        )
    else:
        harness.change_settings(entity_types=["customer", "project"])
    poll(harness)
    assert open_until(harness) is None
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage", "recovered"]


def test_a_list_that_fails_while_records_are_synced_is_no_outage(harness: SyncHarness) -> None:
    poll(harness, AWAY)
    harness.later(minutes=1)
    harness.begin()
    for _ in range(5):
        poll(harness, AWAY)
    assert open_until(harness) is None
    assert harness.mails() == []


@pytest.mark.parametrize("first", [AWAY, RateLimitedError("None are left.", error_code="budget")])
def test_an_outage_that_begins_while_records_are_still_synced_is_noticed(
    harness: SyncHarness, first: SyncError
) -> None:
    poll(harness, first)
    harness.later(minutes=1)
    harness.begin()
    for _ in range(14):
        poll(harness, AWAY)
    assert open_until(harness)
    assert [alert_type for alert_type, _ in harness.mails()] == ["outage"]


@pytest.mark.parametrize(
    "error", [ResponseTooLargeError("It is too much."), RateLimitedError("None are left.", error_code="budget")]
)
def test_a_poll_that_shows_no_outage_does_not_open_the_circuit_breaker(
    harness: SyncHarness, error: SyncError
) -> None:
    for _ in range(10):
        poll(harness, error)
    assert open_until(harness) is None
