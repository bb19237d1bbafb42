import re
from collections.abc import Mapping
from datetime import timedelta
from math import isnan
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event, text

from local.servers import Server
from models.admin import metrics_snapshot
from models.connections.alert_outbox import Alert, AlertType, queue_connection_alert
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import cursors, due, leases, missed_webhooks
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult, Lease, SyncJob
from models.inbox.transitions import JobEvent
from models.schema.tables import BackupRow
from sync.errors import RateLimitedError
from tests.factories import settings
from tests.installation import add_failed_job, environment, installed
from tests.models import outages
from tests.sandbox.serving import Systems
from worker import heartbeat, tasks
from worker.celery_app import app
from worker.container import Container, clock
from worker.handlers.mails import send_due_alerts
from worker.observability import installation_metrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
CUSTOMER = "62788973"
LABELS = {
    "entity_type",
    "outcome",
    "error_code",
    "system",
    "operation",
    "status",
    "for",
    "task",
    "part",
    "le",
    "cause",
    "result",
}
OF_INSTALLATION = {"entity_type", "state", "for"}


def metric_value(text: bytes, name: str, **labels: str) -> float | None:
    """Read one number, None if it is not served."""
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def all_labels(text: bytes) -> set[str]:
    families = text_string_to_metric_families(text.decode())
    return {label for family in families for sample in family.samples for label in sample.labels}


def installation_metric(container: Container, name: str, **labels: str) -> float | None:
    """Read one number of the installation as it is now."""
    fresh = installation_metrics.InstallationMetrics(
        container.database, container.redis, budget=container.budget, clock=clock, intake=container.intake
    )
    return metric_value(fresh.text(), name, **labels)


def test_a_synced_customer_is_counted_with_its_calls(container: Container, connection: Connection) -> None:
    enqueue(
        container.database,
        connection.id,
        [Record(EntityType.CUSTOMER, CUSTOMER)],
        now=clock() - timedelta(seconds=7),
    )
    tasks.sync_customers(connection.id)
    text = container.metrics.text()
    assert (
        metric_value(text, "moment24_attempts_total", entity_type="customer", outcome="synced", error_code="") == 1
    )
    assert metric_value(text, "moment24_attempt_seconds_count", entity_type="customer") == 1
    assert metric_value(text, "moment24_sync_latency_seconds_bucket", entity_type="customer", le="5.0") == 0
    assert metric_value(text, "moment24_sync_latency_seconds_bucket", entity_type="customer", le="60.0") == 1
    for system, operation in (
        ("moment", "GET customers"),
        ("moment", "PATCH customers"),
        ("twentyfour", "Login"),
        ("twentyfour", "SaveCompanies"),
    ):
        assert (
            metric_value(text, "moment24_remote_calls_total", system=system, operation=operation, status="200")
            == 1
        )
        assert metric_value(text, "moment24_remote_call_seconds_count", system=system, operation=operation) == 1
    assert all_labels(text) <= LABELS


def test_a_failed_record_is_counted_by_error_code_and_not_as_synced(
    container: Container, connection: Connection
) -> None:
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, "404")], now=clock())
    tasks.sync_customers(connection.id)
    text = container.metrics.text()
    assert (
        metric_value(text, "moment24_attempts_total", entity_type="customer", outcome="skipped", error_code="gone")
        == 1
    )
    assert (
        metric_value(
            text, "moment24_attempts_total", entity_type="customer", outcome="failed", error_code="crashed"
        )
        == 0
    )
    assert metric_value(text, "moment24_sync_latency_seconds_count", entity_type="customer") is None


def test_a_call_without_an_answer_is_counted_too(database_url: str, redis_url: str) -> None:
    environ = environment(database_url, redis_url) | {"MOMENT_URL": "http://127.0.0.1:1/api/1.0"}
    with installed(environ) as container:
        connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=clock())
        tasks.poll_moment(connection.id)
        text = container.metrics.text()
    assert (
        metric_value(
            text, "moment24_remote_calls_total", system="moment", operation="GET customers", status="none"
        )
        == 1
    )


def test_a_request_refused_by_the_budget_is_counted_by_its_purpose(environ: Mapping[str, str]) -> None:
    with installed({**environ, "TWENTYFOUR_REQUESTS_PER_HOUR": "1"}) as container:
        container.budget.acquire()
        for budget in (container.budget, container.budget.for_polls(), container.budget.for_connection(7)):
            with pytest.raises(RateLimitedError):
                budget.acquire()
        text = container.metrics.text()
        assert installation_metric(container, "moment24_budget_remaining") == 0
        assert installation_metric(container, "moment24_budget_used", **{"for": "events"}) == 1
    assert metric_value(text, "moment24_budget_refusals_total", **{"for": "events", "error_code": "budget"}) == 2
    assert metric_value(text, "moment24_budget_refusals_total", **{"for": "polls", "error_code": "budget"}) == 1


def test_a_mail_is_counted_by_its_status(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    alert = Alert(
        type=AlertType.PAUSED,
        title="Demo AS",
        message="The password was refused.",
        remedy="Enter it.",
        recipients=("books@example.com",),
    )
    queue_connection_alert(container.database, connection.id, alert, now=clock() - timedelta(minutes=10))
    assert installation_metric(container, "moment24_alerts_pending") == 1
    assert (installation_metric(container, "moment24_alerts_oldest_pending_seconds") or 0) >= 600
    fresh_systems.control("mail", "POST", "faults", {"kind": "refuse"})
    send_due_alerts(container)
    assert installation_metric(container, "moment24_alerts_pending") == 1
    send_due_alerts(container)
    assert installation_metric(container, "moment24_alerts_pending") == 0
    fates = {
        fate: metric_value(container.metrics.text(), "moment24_emails_total", status=fate)
        for fate in ("delayed", "sent")
    }
    assert fates == {"delayed": 1, "sent": 1}


def test_the_inbox_is_measured_by_entity_type_and_state(container: Container, connection: Connection) -> None:
    now, database = clock(), container.database
    add_failed_job(container, connection)
    customers = [Record(EntityType.CUSTOMER, str(n)) for n in range(3)]
    enqueue(database, connection.id, customers, now=now - timedelta(minutes=5))
    lane = Lane(connection.id, EntityType.CUSTOMER)
    assert leases.acquire(database, lane, limit=1, now=now, until=now + timedelta(hours=1))
    assert installation_metric(container, "moment24_jobs", entity_type="invoice", state="needs_attention") == 1
    assert installation_metric(container, "moment24_jobs", entity_type="customer", state="queued") == 2
    assert installation_metric(container, "moment24_jobs", entity_type="customer", state="running") == 1
    assert installation_metric(container, "moment24_jobs", entity_type="project", state="queued") == 0
    assert (
        300 <= (installation_metric(container, "moment24_jobs_oldest_seconds", entity_type="customer") or 0) < 400
    )
    assert (
        300 <= (installation_metric(container, "moment24_jobs_overdue_seconds", entity_type="customer") or 0) < 400
    )
    assert (
        installation_metric(container, "moment24_jobs_oldest_seconds", entity_type="invoice") == 0
    )  # it needs attention, with an alert


def test_jobs_behind_an_open_breaker_or_a_pause_are_not_overdue(container: Container) -> None:
    now, ids = clock(), []
    for name in ("working", "paused", "outage", "rate_limited"):
        connection, _ = container.connections.add(name, settings(moment_company=name), actor="test", now=now)
        ids.append(connection.id)
    _, paused, down, short = ids
    container.connections.pause(paused, "Year end.", actor="test", now=now)
    hour = timedelta(hours=1)
    outages.fail(container.database, down, now=now, retry_after=hour)
    outages.fail(container.database, short, now=now, retry_after=hour, alert_type=AlertType.RATE_LIMITED)
    for each in (paused, down, short):
        enqueue(container.database, each, [Record(EntityType.INVOICE, "9")], now=now - timedelta(hours=2))
    for state in ("working", "paused", "outage", "rate_limited"):
        assert installation_metric(container, "moment24_connections", state=state) == 1
    assert installation_metric(container, "moment24_jobs_overdue_seconds", entity_type="invoice") == 0
    assert (installation_metric(container, "moment24_jobs_oldest_seconds", entity_type="invoice") or 0) >= 7200


def test_jobs_in_a_lane_that_is_switched_off_are_not_overdue(container: Container, connection: Connection) -> None:
    now, lane = clock(), Lane(connection.id, EntityType.EXPENSE)
    enqueue(
        container.database, connection.id, [Record(EntityType.EXPENSE, "2026-4-1")], now=now - timedelta(hours=2)
    )
    assert installation_metric(container, "moment24_jobs_overdue_seconds", entity_type="expense") == 0
    assert due.count(container.database, lane, now=now) == 0
    on = {"entity_types": ["expense"], "expense_accounts": "4000"}
    container.connections.update(connection.id, on, actor="test", now=now)
    assert (installation_metric(container, "moment24_jobs_overdue_seconds", entity_type="expense") or 0) >= 7200
    assert due.count(container.database, lane, now=now) == 1


def test_the_queue_and_the_last_sweep_are_measured(container: Container) -> None:
    assert (
        installation_metric(container, "moment24_queue_messages", state="queued"),
        installation_metric(container, "moment24_heartbeat"),
    ) == (
        0,
        0,
    )
    app.send_task("sync_invoices", args=[1], retry=False)
    heartbeat.record(container.redis, every=5)
    assert (
        installation_metric(container, "moment24_queue_messages", state="queued"),
        installation_metric(container, "moment24_heartbeat"),
    ) == (
        1,
        1,
    )
    assert installation_metric(container, "moment24_queue_messages", state="running") == 0


def test_failing_polls_are_measured_until_they_succeed_again(container: Container, connection: Connection) -> None:
    now, lane = clock(), Lane(connection.id, EntityType.INVOICE)
    cursors.start(container.database, lane, at=now)
    assert installation_metric(container, "moment24_polls_failing_seconds", entity_type="invoice") == 0
    began = now - timedelta(minutes=10)
    cursors.record_failure(container.database, lane, problem="It is away.", counts=True, now=began)
    assert (installation_metric(container, "moment24_polls_failing_seconds", entity_type="invoice") or 0) >= 600
    assert installation_metric(container, "moment24_polls_failing_seconds", entity_type="customer") == 0
    container.connections.pause(connection.id, "Year end.", actor="test", now=now)
    assert installation_metric(container, "moment24_polls_failing_seconds", entity_type="invoice") == 0
    container.connections.resume(connection.id, actor="test", now=now)
    cursors.record_progress(container.database, lane, now=now, finished=True)
    assert installation_metric(container, "moment24_polls_failing_seconds", entity_type="invoice") == 0


def test_a_missed_nightly_poll_is_measured_if_one_is_expected(
    container: Container, connection: Connection
) -> None:
    now, day = clock(), timedelta(days=1)
    invoices, expenses = (Lane(connection.id, each) for each in (EntityType.INVOICE, EntityType.EXPENSE))
    missed_webhooks.nightly_position(container.database, invoices, at=now - 2 * day)
    missed_webhooks.nightly_position(container.database, expenses, at=now - 2 * day)
    assert (
        installation_metric(container, "moment24_nightly_poll_seconds", entity_type="invoice") or 0
    ) >= 2 * day.total_seconds()
    assert (
        installation_metric(container, "moment24_nightly_poll_seconds", entity_type="expense") == 0
    )  # it is switched off
    outages.fail(container.database, connection.id, now=now, retry_after=day)
    assert installation_metric(container, "moment24_nightly_poll_seconds", entity_type="invoice") == 0
    outages.recover(container.database, connection.id, now=now)
    missed_webhooks.complete_nightly_poll(container.database, invoices, now=now)
    assert (installation_metric(container, "moment24_nightly_poll_seconds", entity_type="invoice") or 0) < 60


def test_the_oldest_api_key_is_measured_by_when_it_was_entered(container: Container) -> None:
    assert installation_metric(container, "moment24_api_key_oldest_seconds") == 0
    ids = []
    for company, days in (("1", 700), ("2", 3)):
        at = clock() - timedelta(days=days)
        connection, _ = container.connections.add(company, settings(moment_company=company), actor="test", now=at)
        ids.append(connection.id)
    assert (installation_metric(container, "moment24_api_key_oldest_seconds") or 0) >= 700 * 86400
    container.connections.update(ids[0], {"moment_api_key": SecretStr("new")}, actor="test", now=clock())
    assert 3 * 86400 <= (installation_metric(container, "moment24_api_key_oldest_seconds") or 0) < 4 * 86400


def test_the_age_of_the_last_verified_backup_is_measured_once_there_is_one(container: Container) -> None:
    assert installation_metric(container, "moment24_backup_age_seconds") is None
    with container.database.transaction() as session:
        session.add_all(BackupRow(verified_at=clock() - timedelta(hours=hours)) for hours in (49, 25))
    assert 25 * 3600 <= (installation_metric(container, "moment24_backup_age_seconds") or 0) < 26 * 3600


def test_the_clock_skew_is_reported_without_asking_postgresql(container: Container) -> None:
    unknown = metric_value(container.metrics.text(), "moment24_clock_skew_seconds")
    assert unknown is not None
    assert isnan(unknown)
    container.clock()
    skew = metric_value(container.metrics.text(), "moment24_clock_skew_seconds")
    assert skew is not None
    assert abs(skew) < 1


def test_a_record_is_counted_once_as_synced_automatically_or_not(
    container: Container, connection: Connection
) -> None:
    def counted() -> dict[str, float | None]:
        text = container.metrics.text()
        results = ("synced_alone", "needs_attention")
        return {
            each: metric_value(text, "moment24_records_total", entity_type="customer", result=each)
            for each in results
        }

    def completed(*, needed: bool, event: JobEvent, outcome: Outcome) -> None:
        job = SyncJob(id=1, record=Record(EntityType.CUSTOMER, CUSTOMER), needed_attention=needed)
        lease = Lease(id=uuid4(), lane=Lane(connection.id, EntityType.CUSTOMER), jobs=(job,))
        result = AttemptResult(job_id=1, event=event, outcome=outcome)
        container.instrumentation.completed(lease, [result], now=clock())

    assert counted() == {"synced_alone": 0, "needs_attention": 0}
    completed(needed=False, event=JobEvent.FAILED, outcome=Outcome.FAILED)  # retried automatically
    completed(needed=False, event=JobEvent.SYNCED, outcome=Outcome.UNCHANGED)  # nothing had to be done
    assert counted() == {"synced_alone": 0, "needs_attention": 0}
    completed(needed=False, event=JobEvent.SYNCED, outcome=Outcome.SYNCED)
    completed(needed=False, event=JobEvent.REJECTED, outcome=Outcome.FAILED)
    completed(needed=True, event=JobEvent.REJECTED, outcome=Outcome.FAILED)
    completed(needed=True, event=JobEvent.SYNCED, outcome=Outcome.SYNCED)
    assert counted() == {"synced_alone": 1, "needs_attention": 1}


@pytest.mark.kills
def test_without_postgresql_everything_else_is_measured(container: Container, postgres: Server) -> None:
    postgres.kill()
    try:
        assert installation_metric(container, "moment24_postgresql_up") == 0
        assert installation_metric(container, "moment24_redis_up") == 1
        assert (
            installation_metric(container, "moment24_jobs", entity_type="invoice", state="needs_attention") is None
        )
    finally:
        postgres.start()


@pytest.mark.kills
def test_without_redis_everything_else_is_measured(container: Container, redis_server: Server) -> None:
    redis_server.kill()
    try:
        assert installation_metric(container, "moment24_redis_up") == 0
        assert installation_metric(container, "moment24_budget_remaining") is None
        assert installation_metric(container, "moment24_jobs", entity_type="invoice", state="needs_attention") == 0
    finally:
        redis_server.start()


def test_frequent_scrapes_do_not_query_the_database_each_time(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> metrics_snapshot.MetricsSnapshot:
        asked.append(1)
        return known

    asked: list[int] = []
    known = metrics_snapshot.read(container.database, now=clock())
    monkeypatch.setattr(metrics_snapshot, "read", read)
    for _ in range(5):
        assert container.installation_metrics.text()
    assert len(asked) == 1
    monkeypatch.setattr(installation_metrics, "CACHE_SECONDS", -1)
    assert container.installation_metrics.text()
    assert len(asked) == 2


def test_a_large_inbox_is_not_scanned(container: Container, connection: Connection) -> None:
    statements: list[str] = []
    with container.database.transaction() as session:
        session.execute(
            text(
                "insert into sync_jobs (connection_id, entity_type, record_id, state, due_at, received_at)"
                " select :id, 'invoice', n, case when n % 200 = 0 then 'queued' else :settled end, case when n % 200 = 0 then now() end, now()"
                " from generate_series(1, 20000) n"
            ),
            {"id": connection.id, "settled": JobState.DONE},
        )
        session.execute(text("analyze sync_jobs"))
        engine = session.get_bind()

    def hear(_connection: object, cursor: Any, statement: str, parameters: dict[str, object], *_: object) -> None:
        if "FROM sync_jobs" in statement:
            statements.append(cursor.mogrify(statement, parameters).decode())

    event.listen(engine, "before_cursor_execute", hear)
    try:
        metrics_snapshot.read(container.database, now=clock())
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    assert len(statements) == 3
    with container.database.transaction() as session:
        for statement in statements:
            plan = "\n".join(session.scalars(text("explain " + statement.replace(":", "\\:"))))
            assert "Seq Scan on sync_jobs" not in plan


def test_every_metric_is_explained_as_the_code_explains_it(container: Container) -> None:
    page = PAGE.read_text()
    rows = set(re.findall(r"^\| `(moment24_\w+)` \| ([a-z]+) \| ([^|]*) \| ", page, re.MULTILINE))
    assert rows == {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, labels(family.name, container))
        for text in (container.metrics.text(), container.installation_metrics.text())
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith("moment24_")
    }


def test_each_state_that_a_gauge_exports_is_explained(container: Container) -> None:
    rows = re.findall(r"^\| `(moment24_\w+)` \| gauge \| [^|]* \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    explained = {name: set(re.findall(r"`(\w+)`", text)) for name, text in rows}
    exported = {
        family.name: {sample.labels[label] for sample in family.samples}
        for family in container.installation_metrics.collect()
        for label in ("state", "for")
        if any(label in sample.labels for sample in family.samples)
    }
    assert len(exported) == 4
    assert {name: explained[name] for name in exported} == exported


def labels(name: str, container: Container) -> str:
    """Format the labels of a metric as the page does."""
    own = {
        collector._name: collector._labelnames  # noqa: SLF001 - prometheus_client has no other way to ask
        for collector in vars(container.metrics).values()
        if hasattr(collector, "_labelnames")
    }
    if name in own:
        names: set[str] = set(own[name])
    else:
        families = {family.name: family for family in container.installation_metrics.collect()}
        names = {label for sample in families[name].samples for label in sample.labels}
    assert names <= LABELS | OF_INSTALLATION
    return ", ".join(f"`{each}`" for each in sorted(names))
