from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import event, text

from models import breaker, gauges, inbox
from models.alerts import Alert, Turn, raise_alert
from models.words import Kind, Lane, Record, State
from sync.errors import Rationed
from tests.factories import settings
from tests.installation import environment, installed, stuck
from worker import installation, pulse, tasks
from worker.app import app
from worker.mailing import send_due
from worker.metrics import serve
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.servers import Server
    from models.connections import Connection
    from worker.wiring import Bridge

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
CUSTOMER = "62788973"
LABELS = {"kind", "outcome", "reason", "system", "operation", "status", "for", "fate", "task", "part", "le"}
OF_INSTALLATION = {"kind", "state", "place", "for"}


def told(said: bytes, name: str, **labels: str) -> float | None:
    """Read one number, None where it is not told."""
    for family in text_string_to_metric_families(said.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def all_labels(said: bytes) -> set[str]:
    families = text_string_to_metric_families(said.decode())
    return {label for family in families for sample in family.samples for label in sample.labels}


def now_told(bridge: Bridge, name: str, **labels: str) -> float | None:
    """Read one number of the installation as it is at this moment."""
    fresh = installation.Installation(bridge.database, bridge.redis, budget=bridge.budget, clock=clock)
    return told(fresh.text(), name, **labels)


def test_a_customer_that_came_across_is_counted_with_its_calls(bridge: Bridge, connection: Connection) -> None:
    inbox.receive(
        bridge.database, connection.id, [Record(Kind.CUSTOMER, CUSTOMER)], now=clock() - timedelta(seconds=7)
    )
    tasks.sync_customers(connection.id)
    said = bridge.metrics.text()
    assert told(said, "bridge_attempts_total", kind="customer", outcome="synced", reason="") == 1
    assert told(said, "bridge_attempt_seconds_count", kind="customer") == 1
    assert told(said, "bridge_latency_seconds_bucket", kind="customer", le="5.0") == 0
    assert told(said, "bridge_latency_seconds_bucket", kind="customer", le="60.0") == 1
    for system, operation in (
        ("moment", "GET customers"),
        ("moment", "PATCH customers"),
        ("twentyfour", "Login"),
        ("twentyfour", "SaveCompanies"),
    ):
        assert told(said, "bridge_calls_total", system=system, operation=operation, status="200") == 1
        assert told(said, "bridge_call_seconds_count", system=system, operation=operation) == 1
    assert all_labels(said) <= LABELS


def test_a_record_that_failed_is_counted_by_its_reason_and_not_as_come_across(
    bridge: Bridge, connection: Connection
) -> None:
    inbox.receive(bridge.database, connection.id, [Record(Kind.CUSTOMER, "404")], now=clock())
    tasks.sync_customers(connection.id)
    said = bridge.metrics.text()
    assert told(said, "bridge_attempts_total", kind="customer", outcome="skipped", reason="gone") == 1
    assert told(said, "bridge_attempts_total", kind="customer", outcome="failed", reason="crashed") == 0
    assert told(said, "bridge_latency_seconds_count", kind="customer") is None


def test_a_call_without_an_answer_is_counted_too(database_url: str, redis_url: str) -> None:
    environ = environment(database_url, redis_url) | {"MOMENT_URL": "http://127.0.0.1:1/api/1.0"}
    with installed(environ) as bridge:
        connection, _ = bridge.connections.add("Demo AS", settings(), who="test", now=clock())
        tasks.poll_moment(connection.id)
        said = bridge.metrics.text()
    assert told(said, "bridge_calls_total", system="moment", operation="GET invoices", status="none") == 1


def test_a_request_that_there_was_none_for_is_counted_by_whom_it_was_for(environ: Mapping[str, str]) -> None:
    with installed({**environ, "TWENTYFOUR_REQUESTS_PER_HOUR": "1"}) as bridge:
        bridge.budget.take()
        for budget in (bridge.budget, bridge.budget.for_polls(), bridge.budget.of(7)):
            with pytest.raises(Rationed):
                budget.take()
        said = bridge.metrics.text()
        assert now_told(bridge, "bridge_budget_left") == 0
        assert now_told(bridge, "bridge_budget_given", **{"for": "events"}) == 1
    assert told(said, "bridge_budget_refused_total", **{"for": "events", "reason": "budget"}) == 2
    assert told(said, "bridge_budget_refused_total", **{"for": "polls", "reason": "budget"}) == 1


def test_a_mail_is_counted_by_its_fate(bridge: Bridge, connection: Connection, books: dict[str, str]) -> None:
    alert = Alert(Turn.PAUSED, "Demo AS", "The password was refused.", "Enter it.", ("books@example.com",))
    raise_alert(bridge.database, connection.id, alert, now=clock() - timedelta(minutes=10))
    assert now_told(bridge, "bridge_alerts_unsent") == 1
    assert (now_told(bridge, "bridge_alerts_oldest_seconds") or 0) >= 600
    requests.post(f"{books['mail']}/mishaps", json={"kind": "refuse"}, timeout=10).raise_for_status()
    send_due(bridge)
    assert now_told(bridge, "bridge_alerts_unsent") == 1
    send_due(bridge)
    assert now_told(bridge, "bridge_alerts_unsent") == 0
    fates = {fate: told(bridge.metrics.text(), "bridge_mails_total", fate=fate) for fate in ("waits", "sent")}
    assert fates == {"waits": 1, "sent": 1}


def test_the_inbox_is_told_by_kind_and_state(bridge: Bridge, connection: Connection) -> None:
    now, database = clock(), bridge.database
    stuck(bridge, connection)
    customers = [Record(Kind.CUSTOMER, str(n)) for n in range(3)]
    inbox.receive(database, connection.id, customers, now=now - timedelta(minutes=5))
    lane = Lane(connection.id, Kind.CUSTOMER)
    assert inbox.claim(database, lane, most=1, now=now, until=now + timedelta(hours=1))
    assert now_told(bridge, "bridge_inbox_changes", kind="invoice", state="stuck") == 1
    assert now_told(bridge, "bridge_inbox_changes", kind="customer", state="waiting") == 2
    assert now_told(bridge, "bridge_inbox_changes", kind="customer", state="working") == 1
    assert now_told(bridge, "bridge_inbox_changes", kind="project", state="waiting") == 0
    assert 300 <= (now_told(bridge, "bridge_inbox_oldest_seconds", kind="customer") or 0) < 400
    assert 300 <= (now_told(bridge, "bridge_inbox_overdue_seconds", kind="customer") or 0) < 400
    assert (
        now_told(bridge, "bridge_inbox_oldest_seconds", kind="invoice") == 0
    )  # it needs a person, and is told so


def test_what_a_connection_that_rests_or_is_paused_holds_up_is_not_overdue(bridge: Bridge) -> None:
    now, ids = clock(), []
    for name in ("working", "paused", "down", "short"):
        connection, _ = bridge.connections.add(name, settings(), who="test", now=now)
        ids.append(connection.id)
    _, paused, down, short = ids
    bridge.connections.pause(paused, "Year end.", who="test", now=now)
    breaker.failed(bridge.database, down, now=now, rest=lambda _: timedelta(hours=1), tell=lambda _: None)
    breaker.rationed(bridge.database, short, until=now + timedelta(hours=1), now=now, tell=lambda _: None)
    for each in (paused, down, short):
        inbox.receive(bridge.database, each, [Record(Kind.INVOICE, "9")], now=now - timedelta(hours=2))
    for state in ("working", "paused", "down", "short"):
        assert now_told(bridge, "bridge_connections", state=state) == 1
    assert now_told(bridge, "bridge_inbox_overdue_seconds", kind="invoice") == 0
    assert (now_told(bridge, "bridge_inbox_oldest_seconds", kind="invoice") or 0) >= 7200


def test_the_queue_and_the_last_sweep_are_told(bridge: Bridge) -> None:
    assert (now_told(bridge, "bridge_queue_messages", place="waiting"), now_told(bridge, "bridge_sweeping")) == (
        0,
        0,
    )
    app.send_task("sync_invoices", args=[1], retry=False)
    pulse.beat(bridge.redis, every=5)
    assert (now_told(bridge, "bridge_queue_messages", place="waiting"), now_told(bridge, "bridge_sweeping")) == (
        1,
        1,
    )
    assert now_told(bridge, "bridge_queue_messages", place="in_hand") == 0


@pytest.mark.kills
def test_without_postgresql_that_is_told_with_all_else(bridge: Bridge, postgres: Server) -> None:
    postgres.kill()
    try:
        assert now_told(bridge, "bridge_postgresql_up") == 0
        assert now_told(bridge, "bridge_redis_up") == 1
        assert now_told(bridge, "bridge_inbox_changes", kind="invoice", state="stuck") is None
    finally:
        postgres.start()


@pytest.mark.kills
def test_without_redis_that_is_told_with_all_else(bridge: Bridge, redis_server: Server) -> None:
    redis_server.kill()
    try:
        assert now_told(bridge, "bridge_redis_up") == 0
        assert now_told(bridge, "bridge_budget_left") is None
        assert now_told(bridge, "bridge_inbox_changes", kind="invoice", state="stuck") == 0
    finally:
        redis_server.start()


def test_however_often_it_is_asked_the_database_is_not(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> gauges.Gauges:
        asked.append(1)
        return known

    asked: list[int] = []
    known = gauges.read(bridge.database, now=clock())
    monkeypatch.setattr(gauges, "read", read)
    for _ in range(5):
        assert bridge.installation.text()
    assert len(asked) == 1
    monkeypatch.setattr(installation, "FRESH_SECONDS", -1)
    assert bridge.installation.text()
    assert len(asked) == 2


def test_a_large_inbox_is_not_read_through(bridge: Bridge, connection: Connection) -> None:
    statements: list[str] = []
    with bridge.database.transaction() as session:
        session.execute(
            text(
                "insert into changes (connection_id, kind, record_id, state, due_at, received_at)"
                " select :id, 'invoice', n, case when n % 200 = 0 then 'waiting' else :settled end, now(), now()"
                " from generate_series(1, 20000) n"
            ),
            {"id": connection.id, "settled": State.SETTLED},
        )
        session.execute(text("analyze changes"))
        engine = session.get_bind()

    def hear(_connection: object, cursor: Any, statement: str, parameters: dict[str, object], *_: object) -> None:
        if "FROM changes" in statement:
            statements.append(cursor.mogrify(statement, parameters).decode())

    event.listen(engine, "before_cursor_execute", hear)
    try:
        gauges.read(bridge.database, now=clock())
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    assert len(statements) == 3
    with bridge.database.transaction() as session:
        for statement in statements:
            plan = "\n".join(session.scalars(text("explain " + statement.replace(":", "\\:"))))
            assert "Seq Scan on changes" not in plan


def test_a_worker_tells_its_metrics_to_whoever_has_the_token(bridge: Bridge) -> None:
    server = serve(bridge.metrics.text, port=0, token=SecretStr("let-me-in"))
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        good = requests.get(url, headers={"Authorization": "Bearer let-me-in"}, timeout=10)
        assert (good.status_code, "bridge_tasks_running 0.0" in good.text) == (200, True)
        for refused in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer let-me-out"}):
            answer = requests.get(url, headers=refused, timeout=10)
            assert (answer.status_code, answer.text) == (401, "")
    finally:
        server.shutdown()
        server.server_close()


def test_a_worker_without_a_token_tells_nobody(bridge: Bridge) -> None:
    server = serve(bridge.metrics.text, port=0, token=SecretStr(""))
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        assert requests.get(url, headers={"Authorization": "Bearer "}, timeout=10).status_code == 401
    finally:
        server.shutdown()
        server.server_close()


def test_every_metric_is_explained_as_the_code_explains_it(bridge: Bridge) -> None:
    page = PAGE.read_text()
    rows = set(re.findall(r"^\| `(bridge_\w+)` \| ([a-z]+) \| ([^|]*) \| ", page, re.MULTILINE))
    assert rows == {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, labels(family.name, bridge))
        for said in (bridge.metrics.text(), bridge.installation.text())
        for family in text_string_to_metric_families(said.decode())
        if family.name.startswith("bridge_")
    }


def labels(name: str, bridge: Bridge) -> str:
    """Write the labels of a metric as the page does."""
    own = {
        collector._name: collector._labelnames  # noqa: SLF001 - prometheus_client has no other way to ask
        for collector in vars(bridge.metrics).values()
        if hasattr(collector, "_labelnames")
    }
    if name in own:
        names: set[str] = set(own[name])
    else:
        families = {family.name: family for family in bridge.installation.collect()}
        names = {label for sample in families[name].samples for label in sample.labels}
    assert names <= LABELS | OF_INSTALLATION
    return ", ".join(f"`{each}`" for each in sorted(names))
