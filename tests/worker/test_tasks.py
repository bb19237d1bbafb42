from datetime import timedelta

import pytest
from sqlalchemy import update

from integrations.twentyfour.budget_scripts import OF_CONNECTION
from local.servers import Server
from models.admin import job_details, job_list
from models.admin.job_filter import JobFilter
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection
from models.database import DatabaseUnavailableError
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import leases, missed_webhooks, webhook_intake
from models.inbox.enqueue import enqueue
from models.schema.tables import ConnectionRow
from tests.factories import NOW, settings
from tests.installation import add_failed_job, messages, queued_polls
from tests.sandbox.serving import Systems
from worker import alive, heartbeat, tasks
from worker.container import Container, clock
from worker.handlers import diagnostics, polls
from worker.queues import QUEUE_OF

CUSTOMER, PROJECT, DRAFT = "62788973", "62788980", "106939080"


def test_a_sweep_dispatches_due_work_and_records_a_heartbeat(container: Container, connection: Connection) -> None:
    enqueue(container.database, connection.id, [Record(EntityType.INVOICE, "9")], now=clock())
    assert not heartbeat.is_alive(container.redis)
    tasks.dispatch_due()
    assert heartbeat.is_alive(container.redis)
    assert messages(container) == [("sync_invoices", connection.id)]


@pytest.mark.kills
def test_a_sweep_without_postgresql_records_no_heartbeat(container: Container, postgres: Server) -> None:
    postgres.kill()
    try:
        with pytest.raises(DatabaseUnavailableError):
            tasks.dispatch_due()
    finally:
        postgres.start()
    assert not heartbeat.is_alive(container.redis)


def test_a_heartbeat_lasts_beyond_the_next_sweeps_however_rare_they_are(container: Container) -> None:
    heartbeat.record(container.redis, every=0.5)
    often = container.redis.ttl(alive.SWEEP_KEY)
    heartbeat.record(container.redis, every=120)
    assert (often, container.redis.ttl(alive.SWEEP_KEY)) == (60, 360)


def test_a_sweep_finds_the_lane_of_a_killed_worker(container: Container, connection: Connection) -> None:
    lane, now = Lane(connection.id, EntityType.INVOICE), clock()
    enqueue(container.database, connection.id, [Record(EntityType.INVOICE, "9")], now=now)
    assert leases.acquire(container.database, lane, limit=1, now=now, until=now + timedelta(hours=1))
    tasks.dispatch_due()
    assert messages(container) == []
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, "7")], now=now)
    other = Lane(connection.id, EntityType.CUSTOMER)
    assert leases.acquire(container.database, other, limit=1, now=now, until=now)
    tasks.dispatch_due()
    assert messages(container) == [("sync_customers", connection.id)]


def test_draining_a_lane_dispatches_the_lanes_with_new_work(container: Container, connection: Connection) -> None:
    enqueue(container.database, connection.id, [Record(EntityType.PROJECT, PROJECT)], now=clock())
    tasks.sync_projects(connection.id)
    assert set(messages(container)) == {("sync_customers", connection.id)}  # nothing else is due
    tasks.sync_customers(connection.id)
    tasks.sync_projects(connection.id)
    assert {view.state for view in job_list.latest(container.database, JobFilter())} == {JobState.DONE}


def test_all_working_connections_are_polled(container: Container, connection: Connection) -> None:
    paused, _ = container.connections.add(
        "Paused AS", settings(moment_company="paused-as"), actor="test", now=clock()
    )
    container.connections.pause(paused.id, "for a test", now=clock())
    tasks.poll_all_moment()
    assert messages(container) == [("poll_moment", connection.id)]


def test_unreadable_secrets_delay_no_other_connection(container: Container, connection: Connection) -> None:
    other, _ = container.connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    damaged = update(ConnectionRow).where(ConnectionRow.id == other.id).values(secrets="v2:damaged")
    container.database.execute(damaged)
    for sweep in (tasks.poll_all_moment, tasks.poll_all_expenses, tasks.send_reminders, tasks.poll_all_moment):
        sweep()
    assert ("poll_moment", connection.id) in messages(container)
    assert "can't be decrypted" in container.connections.get_even_unreadable(other.id).paused_because
    result = alert_outbox.pending_alerts(container.database, "books@example.com")
    assert [(each.connection, each.type, each.error_code) for each in result] == [
        ("Fjord AS", "paused", "secrets_unreadable")
    ]


@pytest.mark.usefixtures("connection")
def test_keys_that_decrypt_no_connection_pause_none(container: Container) -> None:
    container.connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    container.database.execute(update(ConnectionRow).values(secrets="v2:damaged"))
    tasks.poll_all_moment()
    assert [each.paused_because for each in container.connections.all_even_unreadable()] == ["", ""]
    assert queued_polls(container) == []


def test_each_connection_is_polled_however_long_a_round_takes(
    container: Container, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beat sends five rounds before the first poll ends, and a sixth during the polls."""
    other, _ = container.connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=clock())
    polled = list[int]()

    def poll(_: Container, connection_id: int) -> set[Lane]:
        polled.append(connection_id)
        return set()

    monkeypatch.setattr(polls, "poll_moment", poll)
    for _ in range(5):
        beat(container)
    take(container, 3)
    beat(container)
    take(container, 9)
    assert polled == [connection.id, other.id, connection.id, other.id]


def beat(container: Container) -> None:
    container.redis.delete(*container.redis.keys("dispatched:*") or "-")
    tasks.poll_all_moment()


def take(container: Container, count: int) -> None:
    for number, turn in queued_polls(container)[:count]:
        container.redis.rpop(QUEUE_OF["poll_moment"])
        tasks.poll_moment(number, turn)


def test_a_poll_finds_what_no_webhook_reported(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    fresh_systems.control("moment", "POST", f"companies/1001/invoices/{DRAFT}/finalize")
    tasks.poll_moment(connection.id)
    assert job_details.find_by_record(container.database, connection.id, Record(EntityType.INVOICE, DRAFT))
    assert ("sync_invoices", connection.id) in messages(container)


def test_the_doctor_reports_what_polls_found_if_webhooks_arrive(
    container: Container, connection: Connection
) -> None:
    tasks.poll_moment(connection.id)
    tasks.sync_customers(connection.id)
    assert missed_webhooks.count(container.database, connection.id, now=clock()) == {EntityType.CUSTOMER: 1}
    result = "without a webhook from Moment: customers 1."
    assert result not in findings(container, connection)
    webhook_intake.record_activity(container.database, Lane(connection.id, EntityType.CUSTOMER), now=clock())
    assert result in findings(container, connection)


def findings(container: Container, connection: Connection) -> str:
    return "\n".join(finding.message for finding in diagnostics.run_diagnostics(container, connection).findings)


def test_a_poll_ends_at_the_first_unavailable_answer(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    mishap = {"operation": "GET customers", "kind": "error_503"}
    fresh_systems.control("moment", "POST", "faults", mishap)
    tasks.poll_moment(connection.id)
    assert messages(container) == []
    tasks.poll_moment(connection.id)
    assert job_details.find_by_record(container.database, connection.id, Record(EntityType.CUSTOMER, CUSTOMER))


def test_polls_alone_open_the_breaker_alert_about_the_outage_and_end_it(
    container: Container, connection: Connection, fresh_systems: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = NOW

    def poll() -> list[str]:
        nonlocal now
        now += timedelta(minutes=6)
        tasks.poll_moment(connection.id)
        result = alert_outbox.pending_alerts(container.database, "books@example.com")
        return [each.type for each in result]

    monkeypatch.setattr(container, "clock", lambda: now)
    away = {"operation": "*", "kind": "error_503", "times": 3}
    fresh_systems.control("moment", "POST", "faults", away)
    assert [poll(), poll(), poll()] == [[], [], ["outage"]]
    assert not container.connections.get(connection.id).is_available(now)
    assert poll() == ["outage", "recovered"]
    assert container.connections.get(connection.id).is_available(now)


def test_expenses_are_polled_when_their_interval_has_passed(container: Container, connection: Connection) -> None:
    tasks.poll_all_expenses()
    assert messages(container) == []
    container.connections.update(
        connection.id, {"entity_types": ["expense"], "expense_accounts": "4000"}, actor="test", now=clock()
    )
    tasks.poll_all_expenses()
    assert messages(container) == [("poll_expenses", connection.id)]
    tasks.poll_expenses(connection.id)
    container.redis.flushdb()
    tasks.poll_all_expenses()
    assert messages(container) == []


def test_requests_are_charged_to_their_connection_and_polls_to_the_polls(
    container: Container, connection: Connection
) -> None:
    account = f"{OF_CONNECTION}{connection.id}"
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, CUSTOMER)], now=clock())
    tasks.sync_customers(connection.id)
    events = container.budget.usage()
    assert events
    assert events.events > events.polls == 0
    container.connections.update(
        connection.id, {"entity_types": ["expense"], "expense_accounts": "4000"}, actor="test", now=clock()
    )
    tasks.poll_expenses(connection.id)
    both = container.budget.usage()
    assert both
    assert both.events == events.events
    assert both.polls > 0
    assert sum(map(int, container.redis.hvals(account))) == both.events + both.polls


def test_no_poll_is_sent_if_the_budget_leaves_nothing_to_polls(
    container: Container, connection: Connection
) -> None:
    container.connections.update(
        connection.id, {"entity_types": ["expense"], "expense_accounts": "4000"}, actor="test", now=clock()
    )
    container.budget.block(timedelta(minutes=1))
    tasks.poll_all_expenses()
    assert messages(container) == []


def test_reminders_are_sent_for_jobs_that_need_attention(container: Container, connection: Connection) -> None:
    add_failed_job(container, connection, now=clock() - timedelta(days=2))
    tasks.send_reminders()
    result = [each.type for each in alert_outbox.pending_alerts(container.database, "books@example.com")]
    assert result == [AlertType.NEEDS_ATTENTION, AlertType.REMINDER]
