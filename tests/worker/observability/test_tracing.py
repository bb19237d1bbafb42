"""From a webhook to 24SevenOffice through real processes, as traces and log show it."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from models.admin import job_details
from models.enums import EntityType, Record
from tests.factories import NOW, settings
from tests.http_server import Handler, running
from tests.installation import eventually, installed, own_logging, process
from tests.sandbox.serving import Systems, serving
from web.app import create_app
from worker.container import Container

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

CUSTOMER = "62788973"
ALONE = ("--without-gossip", "--without-mingle")


class Collector:
    """Takes spans by OTLP over HTTP, as a collector would."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    def spans(self) -> list[Span]:
        requests_ = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for each in requests_
            for of in each.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans() if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()

    class Post(Handler):
        def answer(self) -> None:
            body = self.body()
            collector.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

    with running(Post) as collector.url:
        yield collector


@pytest.fixture
def traced(environ: dict[str, str], collector: Collector) -> dict[str, str]:
    return {
        **environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "LOG_FORMAT": "json",
    }


@contextmanager
def received_webhook(environ: Mapping[str, str]) -> Iterator[tuple[Container, str]]:
    """Send a webhook about a customer to the web; yield the container and the token of the webhook."""
    with installed(environ) as container, own_logging(), serving(create_app()) as url:
        connection, token = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
        body = {"customer": {"id": int(CUSTOMER)}}
        requests.post(f"{url}/webhooks/moment/{token}", json=body, timeout=10).raise_for_status()
        assert job_details.find_by_record(container.database, connection.id, Record(EntityType.CUSTOMER, CUSTOMER))
        yield container, token


def worked_off(environ: Mapping[str, str], fresh_systems: Systems) -> list[dict[str, Any]]:
    """Let a worker sync the customer and end, and return its log."""
    with process("celery", "-A", "worker.celery_app", "--quiet", "worker", *ALONE, environ=environ) as worker:
        eventually(lambda: numbered(fresh_systems))
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=30)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def numbered(fresh_systems: Systems) -> bool:
    found = fresh_systems.control("moment", "GET", "books/1001/customers")
    return any(each["customerNumber"] for each in found if str(each["id"]) == CUSTOMER)


def fields(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_trace_connects_the_webhook_the_calls_and_the_log(
    traced: dict[str, str], collector: Collector, fresh_systems: Systems
) -> None:
    with received_webhook(traced) as (container, token):
        log = worked_off(traced, fresh_systems)
        job = job_details.find_by_record(container.database, 1, Record(EntityType.CUSTOMER, CUSTOMER))
    assert job
    (webhook,) = collector.named("web webhook")
    (task,) = collector.named("task sync_customers")
    (drain,) = collector.named("drain")
    (prepare,), (send,) = collector.named("prepare"), collector.named("send")
    assert {fields(webhook)[name] for name in ("entity_type", "record")} == {"customer", CUSTOMER}
    assert (task.trace_id, task.parent_span_id) == (webhook.trace_id, webhook.span_id)
    assert (drain.parent_span_id, prepare.parent_span_id) == (task.span_id, drain.span_id)
    for step in (prepare, send):
        assert fields(step) == {"job": job.id}
        assert [link.span_id for link in step.links] == [webhook.span_id]
    (completed_job,) = drain.events
    assert {each.key: each.value.string_value for each in completed_job.attributes}["outcome"] == "synced"
    (save,) = collector.named("twentyfour SaveCompanies")
    assert (save.trace_id, save.parent_span_id) == (webhook.trace_id, send.span_id)
    (read,) = collector.named("moment GET customers")
    assert (read.trace_id, read.parent_span_id) == (webhook.trace_id, prepare.span_id)
    (line,) = [each for each in log if each["event"] == "attempt"]
    log_fields = {name: line[name] for name in ("connection", "entity_type", "lease_id", "job", "task", "task_id")}
    assert log_fields == fields(task) | fields(drain) | {"job": job.id}
    assert not [body for body in collector.bodies if token.encode() in body]


def test_an_unavailable_collector_delays_nothing(environ: dict[str, str], fresh_systems: Systems) -> None:
    away = {**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with received_webhook(away):
        worked_off(away, fresh_systems)
    assert numbered(fresh_systems)


def test_without_an_endpoint_no_tracing_library_is_loaded(environ: dict[str, str]) -> None:
    look = (
        "import sys, web.app, worker.celery_app, worker.container; worker.container.get_container(); web.app.create_app();"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter'))])"
    )
    output = subprocess.run([sys.executable, "-c", look], env=environ, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"
