"""What a process counts of its own work, for Prometheus; docs/metrics.md explains each metric.

No label names a connection or a record: with hundreds of companies there would be more series than anybody reads.
"""

from __future__ import annotations

from hmac import compare_digest
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

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

from models.words import Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from wsgiref.types import StartResponse, WSGIEnvironment

    from pydantic import SecretStr

    from models.inbox import Settlement

disable_created_metrics()  # they double the series, and nobody reads them

__all__ = ["CONTENT_TYPE", "Metrics", "opens", "serve"]

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENCY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

OURS = ("crashed", "poison")
"""Reasons that are bugs of ours, which somebody is woken for."""


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._attempts = self._counter(
            "bridge_attempts", "Attempts that were settled", "kind", "outcome", "reason"
        )
        for kind in Kind:
            for reason in OURS:  # told from the start: Prometheus sees no increase in what was never 0
                self._attempts.labels(kind, Outcome.FAILED, reason)
        self._attempt_seconds = self._histogram(
            "bridge_attempt_seconds", "How long attempts took", CALL_SECONDS, "kind"
        )
        self._latency = self._histogram(
            "bridge_latency_seconds",
            "From when a change was received to when its record had come across",
            LATENCY_SECONDS,
            "kind",
        )
        self._calls = self._counter("bridge_calls", "Calls to remote systems", "system", "operation", "status")
        self._call_seconds = self._histogram(
            "bridge_call_seconds",
            "How long remote systems took until their answer began",
            CALL_SECONDS,
            "system",
            "operation",
        )
        self._refused = self._counter(
            "bridge_budget_refused", "Requests to 24SevenOffice that there was none for", "for", "reason"
        )
        self._mails = self._counter("bridge_mails", "Mails that were tried, by their fate", "fate")
        self._task_seconds = self._histogram(
            "bridge_task_seconds", "How long tasks of workers took", CALL_SECONDS, "task"
        )
        self._tasks_running = Gauge(
            "bridge_tasks_running", "Tasks that are being worked on", registry=self.registry
        )
        self._answer_seconds = self._histogram(
            "bridge_web_seconds", "How long the web took to answer", CALL_SECONDS, "part"
        )
        self._answers = self._counter("bridge_web_answers", "Answers of the web", "part", "status")

    def settled(self, kind: Kind, settlement: Settlement, *, waited: timedelta | None) -> None:
        """Count an attempt; ``waited`` is how long ago its change was received."""
        self._attempts.labels(kind, settlement.outcome, settlement.reason).inc()
        self._attempt_seconds.labels(kind).observe(settlement.seconds)
        if settlement.outcome is Outcome.SYNCED and waited is not None:
            self._latency.labels(kind).observe(max(waited.total_seconds(), 0))

    def called(self, system: str, operation: str, *, status: str, seconds: float) -> None:
        """Count a call to a remote system."""
        self._calls.labels(system, operation, status).inc()
        self._call_seconds.labels(system, operation).observe(seconds)

    def refused(self, poll: bool, reason: str) -> None:  # noqa: FBT001 - as the budget tells it
        """Count a request that there was none for."""
        self._refused.labels("polls" if poll else "events", reason).inc()

    def mailed(self, fate: str) -> None:
        """Count a mail that was sent or refused, or that waits as the mail server took nothing."""
        self._mails.labels(fate).inc()

    def began(self) -> None:
        """Note that a task began."""
        self._tasks_running.inc()

    def ended(self, task: str, *, seconds: float) -> None:
        """Note that a task ended."""
        self._tasks_running.dec()
        self._task_seconds.labels(task).observe(seconds)

    def answered(self, part: str, *, status: int, seconds: float) -> None:
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


def opens(token: SecretStr, authorization: str) -> bool:
    """Tell whether what a request says under ``Authorization`` is our token; nothing is, where there is none."""
    expected = token.get_secret_value()
    return bool(expected) and compare_digest(f"Bearer {expected}".encode(), authorization.encode())


def serve(text: Callable[[], bytes], *, port: int, token: SecretStr) -> WSGIServer:
    """Tell the metrics to whoever has the token, at a port of all addresses, until it is shut down.

    Raises:
        OSError: the port is taken.
    """

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not opens(token, environ.get("HTTP_AUTHORIZATION", "")):
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer")])
            return [b""]
        start("200 OK", [("Content-Type", CONTENT_TYPE)])
        return [text()]

    server = make_server("", port, answer, _Server, _Silent)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    timeout = 10  # seconds for whoever says nothing

    def log_message(self, *_: object) -> None:
        """Say nothing of a request."""
