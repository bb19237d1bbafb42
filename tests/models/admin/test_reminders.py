from datetime import datetime, timedelta

import pytest

from i18n.formatting import OSLO
from models.admin import job_actions, job_details, reminders
from models.admin.job_list import JobView
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType
from models.connections.repository import API_KEY_LIFETIME, Connection, Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import due, missed_webhooks
from models.inbox.enqueue import enqueue
from models.inbox.missed_webhooks import ModifiedRecord
from models.inbox.transitions import JobEvent
from tests.factories import NOW, settings
from tests.models import outages
from tests.models.completed_jobs import INVOICE, completed_job, only

DAY = timedelta(days=1)


def attempt(database: Database, connection: Connection, outcome: Outcome, *, now: datetime = NOW) -> JobView:
    """Receive an invoice and complete its job: synced, or in need of attention."""
    event = JobEvent.REJECTED if outcome is Outcome.FAILED else JobEvent.SYNCED
    return completed_job(database, connection.id, event=event, at=now, title="Invoice 1", message="Wrong.")


def pending_alerts(database: Database) -> list[tuple[AlertType, str]]:
    return [(each.type, each.title) for each in alert_outbox.pending_alerts(database, "books@example.com")]


def fail_once(database: Database, connection: Connection) -> JobView:
    return completed_job(
        database, connection.id, INVOICE, event=JobEvent.FAILED, title="Invoice 1", message="It is away."
    )


def test_reminders_are_sent_after_one_seven_and_fourteen_days(database: Database, connection: Connection) -> None:
    attempt(database, connection, Outcome.FAILED)
    days = [n for n in range(30) if reminders.queue_reminders(database, now=NOW + n * DAY)]
    assert days == [1, 7, 14]
    assert pending_alerts(database) == [(AlertType.REMINDER, "Invoice 1")] * 3


def test_a_job_unfinished_for_a_day_is_alerted_once(database: Database, connection: Connection) -> None:
    fail_once(database, connection)
    hours = [n for n in range(100) if reminders.queue_overdue(database, now=NOW + n * timedelta(hours=1))]
    assert hours == [24]
    (alert,) = alert_outbox.pending_alerts(database, "books@example.com")
    assert (alert.type, alert.title) == (AlertType.OVERDUE, "Invoice 1")
    assert alert.message == "It has been waiting to sync since 02.03.2026 10:00. It is away."


def test_jobs_switched_off_paused_or_in_an_alerted_outage_are_not_overdue(
    database: Database, connection: Connection, connections: Connections
) -> None:
    fail_once(database, connection)
    later = NOW + 2 * DAY
    connections.pause(connection.id, "for the holidays", actor="kari", now=NOW)
    assert reminders.queue_overdue(database, now=later) == 0
    connections.resume(connection.id, actor="kari", now=NOW)
    connections.update(connection.id, {"entity_types": ["customer"]}, actor="kari", now=NOW)
    assert reminders.queue_overdue(database, now=later) == 0
    connections.update(connection.id, {"entity_types": ["invoice"]}, actor="kari", now=NOW)
    for n in range(3):
        outages.fail(database, connection.id, retry_after=DAY, now=NOW + n * DAY / 4)
    assert reminders.queue_overdue(database, now=later) == 0
    outages.recover(database, connection.id, now=later)
    assert reminders.queue_overdue(database, now=later) == 1


@pytest.mark.parametrize("by", ["resumed", "corrected", "switched on"])
def test_a_delayed_job_is_overdue_a_day_after_it_could_continue(
    database: Database, connection: Connection, connections: Connections, by: str
) -> None:
    fail_once(database, connection)
    then = NOW + 3 * DAY
    if by == "switched on":
        connections.update(connection.id, {"entity_types": ["customer"]}, actor="kari", now=NOW)
        connections.update(connection.id, {"entity_types": ["customer", "invoice"]}, actor="kari", now=then)
    elif by == "resumed":
        connections.pause(connection.id, "for the holidays", actor="kari", now=NOW)
        connections.resume(connection.id, actor="kari", now=then)
    else:
        connections.pause(connection.id, "The login is refused.", now=NOW)
        connections.update(connection.id, {"username": "corrected@example.com"}, actor="kari", now=then)
    assert reminders.queue_overdue(database, now=then + DAY / 2) == 0
    assert reminders.queue_overdue(database, now=then + DAY) == 1


def test_a_change_of_an_unrelated_setting_leaves_overdue_jobs_overdue(
    database: Database, connection: Connection, connections: Connections
) -> None:
    fail_once(database, connection)
    connections.update(connection.id, {"weekly_digest": True}, actor="kari", now=NOW + DAY / 2)
    assert reminders.queue_overdue(database, now=NOW + DAY) == 1


@pytest.mark.parametrize("by", ["retried", "reopened"])
def test_a_job_unfinished_again_after_a_persons_action_is_overdue_again(
    database: Database, connection: Connection, by: str
) -> None:
    if by == "retried":
        job = attempt(database, connection, Outcome.FAILED)
        job_actions.retry(database, only(job), actor="kari", now=NOW + 2 * DAY)
    else:
        job = fail_once(database, connection)
        assert reminders.queue_overdue(database, now=NOW + DAY) == 1
        job_actions.dismiss(database, only(job), because="", actor="kari", now=NOW + DAY)
        job_actions.reopen(database, only(job), actor="kari", now=NOW + 2 * DAY)
    days = [n for n in range(2, 10) if reminders.queue_overdue(database, now=NOW + n * DAY)]
    assert days == [3]


def test_an_old_record_that_is_received_again_is_not_overdue_at_once(
    database: Database, connection: Connection
) -> None:
    attempt(database, connection, Outcome.SYNCED)
    enqueue(database, connection.id, [INVOICE], now=NOW + 3 * DAY)
    enqueue(database, connection.id, [INVOICE], now=NOW + 3 * DAY + DAY / 2)
    assert reminders.queue_overdue(database, now=NOW + 3 * DAY + DAY / 2) == 0
    assert reminders.queue_overdue(database, now=NOW + 4 * DAY) == 1


def test_a_new_failure_of_the_same_record_does_not_restart_the_days(
    database: Database, connection: Connection
) -> None:
    attempt(database, connection, Outcome.FAILED)
    attempt(database, connection, Outcome.FAILED, now=NOW + DAY / 2)
    assert reminders.queue_reminders(database, now=NOW + DAY) == 1


def test_no_reminder_is_sent_for_a_synced_record(database: Database, connection: Connection) -> None:
    attempt(database, connection, Outcome.FAILED)
    attempt(database, connection, Outcome.SYNCED)
    assert reminders.queue_reminders(database, now=NOW + 20 * DAY) == 0


def test_a_job_stays_dismissed_when_its_record_is_received_again(
    database: Database, connection: Connection
) -> None:
    stuck = attempt(database, connection, Outcome.FAILED)
    assert job_actions.dismiss(database, only(stuck), because="Posted by hand", actor="kari", now=NOW).count == 1
    enqueue(database, connection.id, [INVOICE], now=NOW)
    assert due.lanes(database, now=NOW) == []
    assert reminders.queue_reminders(database, now=NOW + 20 * DAY) == 0
    closed = job_details.find(database, stuck.id)
    assert closed
    assert (closed.state, closed.dismissal_reason) == (JobState.DISMISSED, "Posted by hand (kari)")


def test_a_dismissed_job_can_be_retried(database: Database, connection: Connection) -> None:
    stuck = attempt(database, connection, Outcome.FAILED)
    job_actions.dismiss(database, only(stuck), because="Posted by hand", actor="kari", now=NOW)
    lanes = job_actions.retry(database, only(stuck), actor="kari", now=NOW).lanes
    assert lanes == {Lane(connection.id, EntityType.INVOICE)}


def test_a_done_job_cannot_be_dismissed(database: Database, connection: Connection) -> None:
    synced = attempt(database, connection, Outcome.SYNCED)
    assert job_actions.dismiss(database, only(synced), because="Posted by hand", actor="kari", now=NOW).count == 0


@pytest.fixture
def weekly(connections: Connections) -> Connection:
    connection, _ = connections.add(
        "Ukentlig AS", settings(moment_company="ukentlig-as", weekly_digest=True), actor="test", now=NOW
    )
    return connection


def test_the_digest_counts_changes_that_came_without_a_webhook(database: Database, weekly: Connection) -> None:
    lane, found = Lane(weekly.id, EntityType.INVOICE), [ModifiedRecord("9", NOW + 2 * DAY)]
    missed_webhooks.record(database, lane, found, now=NOW + 3 * DAY)
    attempt(database, weekly, Outcome.SYNCED, now=NOW + 3 * DAY)
    reminders.queue_digests(database, now=NOW + 7 * DAY)
    (digest,) = [each.message for each in alert_outbox.pending_alerts(database, "books@example.com")]
    assert digest.endswith("Changes found by polling because Moment sent no webhook: 1.")


def test_the_digest_counts_records_synced_with_a_warning(database: Database, weekly: Connection) -> None:
    for record_id, warnings in (("7", ("The name was cut.",)), ("7", ("The name was cut.",)), ("8", ())):
        completed_job(
            database, weekly.id, Record(EntityType.CUSTOMER, record_id), at=NOW + 3 * DAY, warnings=warnings
        )
    reminders.queue_digests(database, now=NOW + 7 * DAY)
    (digest,) = [each.message for each in alert_outbox.pending_alerts(database, "books@example.com")]
    assert digest.startswith("Synced customers: 2,")
    assert digest.endswith("Synced with warnings: 1.")


def test_the_digest_is_sent_once_a_week_to_connections_that_have_it_on(
    database: Database, connection: Connection, weekly: Connection
) -> None:
    attempt(database, connection, Outcome.SYNCED)
    attempt(database, weekly, Outcome.SYNCED, now=NOW + 3 * DAY)
    days = [n for n in range(15) if reminders.queue_digests(database, now=NOW + n * DAY)]
    assert days == [7, 14]
    messages = [each.message for each in alert_outbox.pending_alerts(database, "books@example.com")]
    assert messages == [
        f"Synced customers: 0, projects: 0, invoices: {n}, cost vouchers: 0. Records that need attention: 0."
        for n in (1, 0)
    ]


def test_an_expiring_moment_key_is_mailed_30_14_and_3_days_before(
    database: Database, connections: Connections, connection: Connection
) -> None:
    ends = NOW + API_KEY_LIFETIME

    def mailed(since: datetime) -> list[int]:
        return [n for n in range(40, -3, -1) if reminders.queue_key_reminders(database, now=since - n * DAY)]

    connections.update(connection.id, {"moment_api_key": "another"}, actor="kari", now=NOW)
    assert mailed(ends) == [30, 14, 3]
    (alert, *_) = alert_outbox.pending_alerts(database, "books@example.com")
    assert alert.type is AlertType.API_KEY
    assert f"{ends.astimezone(OSLO):%d.%m.%Y}" in alert.message
    connections.update(connection.id, {"moment_api_key": "a third"}, actor="kari", now=ends)
    assert mailed(ends + API_KEY_LIFETIME) == [30, 14, 3]
    assert len(pending_alerts(database)) == 6


def test_after_a_standstill_an_expiring_key_is_mailed_once(
    database: Database, connections: Connections, connection: Connection
) -> None:
    connections.update(connection.id, {"moment_api_key": "another"}, actor="kari", now=NOW)
    late = NOW + API_KEY_LIFETIME - 2 * DAY
    assert [reminders.queue_key_reminders(database, now=late) for _ in range(3)] == [1, 0, 0]
