"""The metrics of a process for Prometheus (docs/metrics.md); no label names a connection or record."""

from functools import partial
from hmac import compare_digest

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import SecretStr

from models.enums import EntityType, Outcome
from models.error_codes import CRASHED, WORKER_CRASHES

disable_created_metrics()  # they would double the number of series

CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENCY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)

BUG_CODES = (CRASHED, WORKER_CRASHES)
"""Error codes of our own bugs, which the alert rules report at once."""

SYNCED_ALONE, NEEDS_ATTENTION = "synced_alone", "needs_attention"
"""The results of a record: synced without needing a person, or in need of one."""


class Metrics:
    """The metrics of one process, in their own registry, for clients with the ``token``."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, token: SecretStr) -> None:
        self._token = token.get_secret_value()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry, buckets=CALL_SECONDS)
        self.attempts = counter(
            "moment24_attempts", "Completed attempts", ("entity_type", "outcome", "error_code")
        )
        for entity_type in EntityType:
            for error_code in BUG_CODES:  # shown from the start: Prometheus sees no increase from nothing to 1
                self.attempts.labels(entity_type, Outcome.FAILED, error_code)
        self.records = counter(
            "moment24_records", "Records synced, or in need of a person", ("entity_type", "result")
        )
        for entity_type in EntityType:
            for result in (SYNCED_ALONE, NEEDS_ATTENTION):
                self.records.labels(entity_type, result)
        self.attempt_seconds = histogram("moment24_attempt_seconds", "Duration of attempts", ("entity_type",))
        self.sync_latency = histogram(
            "moment24_sync_latency_seconds",
            "Time from receiving a record until it was synced",
            ("entity_type",),
            buckets=LATENCY_SECONDS,
        )
        self.calls = counter("moment24_remote_calls", "Calls to remote systems", ("system", "operation", "status"))
        self.call_seconds = histogram(
            "moment24_remote_call_seconds",
            "How long calls took until the response was complete",
            ("system", "operation"),
        )
        self.budget_refusals = counter(
            "moment24_budget_refusals",
            "Requests to 24SevenOffice refused by the request budget",
            ("for", "error_code"),
        )
        self.emails = counter("moment24_emails", "Mails by delivery status", ("status",))
        self.deliveries = counter("moment24_event_deliveries", "Attempts to deliver an event", ("status",))
        self.task_seconds = histogram("moment24_task_seconds", "Duration of tasks", ("task",))
        self.tasks_running = Gauge("moment24_tasks_running", "Tasks that are running", registry=self.registry)
        self.request_seconds = histogram(
            "moment24_http_request_seconds", "Time until the web began its response", ("part",)
        )
        self.webhooks_refused = counter(
            "moment24_webhooks_refused", "Webhooks that PostgreSQL did not accept", ("cause",)
        )
        for cause in ("disk_full", "read_only", "unreachable"):
            self.webhooks_refused.labels(cause)
        self.clock_skew = Gauge(
            "moment24_clock_skew_seconds", "Seconds by which this host's clock is ahead", registry=self.registry
        )
        self.requests = counter("moment24_http_requests", "Responses of the web", ("part", "status"))

    def request_refused(self, poll: bool, error_code: str) -> None:  # noqa: FBT001 - the budget's callback
        self.budget_refusals.labels("polls" if poll else "events", error_code).inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def is_authorized(self, authorization: str) -> bool:
        """Return whether a request's ``Authorization`` has our token; never if there is no token."""
        return bool(self._token) and compare_digest(f"Bearer {self._token}".encode(), authorization.encode())
