"""What a process counts of its own work, for Prometheus; docs/metrics.md explains each metric.

No label names a connection or a record: with hundreds of companies there would be more series than anybody reads.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from hmac import compare_digest
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from pydantic import SecretStr

from models.enums import EntityType, Outcome
from models.inbox.leases import AttemptResult

disable_created_metrics()  # they double the series, and nobody reads them

__all__ = ["CONTENT_TYPE", "Metrics", "is_authorized", "serve"]

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENCY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

BUG_CODES = ("crashed", "worker_crashes")
"""Reasons that are bugs of ours, which somebody is woken for."""


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._attempts = self._counter(
            "moment24_attempts", "Attempts that were settled", "entity_type", "outcome", "error_code"
        )
        for entity_type in EntityType:
            for error_code in BUG_CODES:  # told from the start: Prometheus sees no increase in what was never 0
                self._attempts.labels(entity_type, Outcome.FAILED, error_code)
        self._attempt_seconds = self._histogram(
            "moment24_attempt_seconds", "How long attempts took", CALL_SECONDS, "entity_type"
        )
        self._latency = self._histogram(
            "moment24_sync_latency_seconds",
            "From when a change was received to when its record had come across",
            LATENCY_SECONDS,
            "entity_type",
        )
        self._calls = self._counter(
            "moment24_remote_calls", "Calls to remote systems", "system", "operation", "status"
        )
        self._call_seconds = self._histogram(
            "moment24_remote_call_seconds",
            "How long remote systems took until their answer began",
            CALL_SECONDS,
            "system",
            "operation",
        )
        self._refused = self._counter(
            "moment24_budget_refusals", "Requests to 24SevenOffice that there was none for", "for", "error_code"
        )
        self._mails = self._counter("moment24_emails", "Mails that were tried, by their fate", "status")
        self._task_seconds = self._histogram(
            "moment24_task_seconds", "How long tasks of workers took", CALL_SECONDS, "task"
        )
        self._tasks_running = Gauge(
            "moment24_tasks_running", "Tasks that are being worked on", registry=self.registry
        )
        self._answer_seconds = self._histogram(
            "moment24_http_request_seconds", "How long the web took to answer", CALL_SECONDS, "part"
        )
        self._answers = self._counter("moment24_http_requests", "Answers of the web", "part", "status")

    def attempt_completed(
        self, entity_type: EntityType, result: AttemptResult, *, waited: timedelta | None
    ) -> None:
        """Count an attempt; ``waited`` is how long ago its change was received."""
        self._attempts.labels(entity_type, result.outcome, result.error_code).inc()
        self._attempt_seconds.labels(entity_type).observe(result.seconds)
        if result.outcome is Outcome.SYNCED and waited is not None:
            self._latency.labels(entity_type).observe(max(waited.total_seconds(), 0))

    def call_completed(self, system: str, operation: str, *, status: str, seconds: float) -> None:
        """Count a call to a remote system."""
        self._calls.labels(system, operation, status).inc()
        self._call_seconds.labels(system, operation).observe(seconds)

    def request_refused(self, poll: bool, error_code: str) -> None:  # noqa: FBT001 - as the budget tells it
        """Count a request that there was none for."""
        self._refused.labels("polls" if poll else "events", error_code).inc()

    def email_concluded(self, status: str) -> None:
        """Count a mail that was sent or refused, or that waits as the mail server took nothing."""
        self._mails.labels(status).inc()

    def task_started(self) -> None:
        """Note that a task began."""
        self._tasks_running.inc()

    def task_ended(self, task: str, *, seconds: float) -> None:
        """Note that a task ended."""
        self._tasks_running.dec()
        self._task_seconds.labels(task).observe(seconds)

    def request_answered(self, part: str, *, status: int, seconds: float) -> None:
        """Count an answer of the web."""
        self._answers.labels(part, status).inc()
        self._answer_seconds.labels(part).observe(seconds)

    def text(self) -> bytes:
        """Tell them all as Prometheus reads them."""
        return generate_latest(self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)


def is_authorized(token: SecretStr, authorization: str) -> bool:
    """Tell whether what a request says under ``Authorization`` is our token; nothing is, where there is none."""
    expected = token.get_secret_value()
    return bool(expected) and compare_digest(f"Bearer {expected}".encode(), authorization.encode())


def serve(text: Callable[[], bytes], *, port: int, token: SecretStr) -> WSGIServer:
    """Tell the metrics to whoever has the token, at a port of all addresses, until it is shut down.

    Raises:
        OSError: the port is taken.
    """

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not is_authorized(token, environ.get("HTTP_AUTHORIZATION", "")):
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
            return [b""]
        start("200 OK", [("Content-Type", CONTENT_TYPE)])
        return [text()]

    server = make_server("", port, answer, _Server, _SilentHandler)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    timeout = 10  # seconds for whoever says nothing

    def log_message(self, *_: object) -> None:
        """Say nothing of a request."""
