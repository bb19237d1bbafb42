"""Metrics of the whole installation, read when Prometheus scrapes the web and cached for a few seconds."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Any

from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from integrations.twentyfour.budget import Budget
from models.admin import metrics_snapshot
from models.admin.metrics_snapshot import MetricsSnapshot
from models.database import Database, DatabaseUnavailableError
from worker import heartbeat
from worker.queues import QUEUES

CACHE_SECONDS = 5
"""How long a result is reused, so that frequent scrapes cost little."""

INTAKE_SECONDS = 10.0
"""How long a successful test proves that webhooks can be saved."""

UNACKED = "unacked"
"""Celery's Redis key for messages that a worker has taken. Waiting messages are under the name of their queue."""


class Intake:
    """The test whether PostgreSQL would accept a webhook now; ``attempt`` runs it, rarely while it succeeds."""

    def __init__(self, attempt: Callable[[], None]) -> None:
        self._attempt = attempt
        self._attempting = Lock()
        self._refusal, self._attempted_at = "", -INTAKE_SECONDS

    def refusal(self) -> str:
        """Return the cause of a refusal, "" if a webhook would be accepted."""
        with self._attempting:
            if self._refusal or time.monotonic() - self._attempted_at >= INTAKE_SECONDS:
                try:
                    self._attempt()
                    self._refusal = ""
                except DatabaseUnavailableError as error:
                    self._refusal = error.cause
                self._attempted_at = time.monotonic()
            return self._refusal


class InstallationMetrics(Collector):
    """The state of the installation: the inbox in PostgreSQL, and the queues and the request budget in Redis."""

    def __init__(
        self, database: Database, redis: Redis, *, budget: Budget, clock: Callable[[], datetime], intake: Intake
    ) -> None:
        self._database, self._redis, self._budget, self._clock = database, redis, budget, clock
        self._intake = intake
        self._reading = Lock()
        self._read: Sequence[Metric] = ()
        self._read_at = 0.0

    def collect(self) -> Iterable[Metric]:
        """Return the metrics, at most a few seconds old, without those that cannot be read."""
        with self._reading:
            if not self._read or time.monotonic() - self._read_at > CACHE_SECONDS:
                self._read = [*self._of_postgresql(), *self._of_redis()]
                self._read_at = time.monotonic()
            return self._read

    def text(self) -> bytes:
        return generate_latest(self)

    def _of_postgresql(self) -> Sequence[Metric]:
        inbox: Sequence[Metric] = ()
        with suppress(DatabaseUnavailableError):
            inbox = _inbox_metrics(metrics_snapshot.read(self._database, now=self._clock()))
        accepts = int(not self._intake.refusal())
        return [
            Gauge("moment24_postgresql_up", "Whether PostgreSQL responds", int(bool(inbox))),
            Gauge("moment24_postgresql_takes_webhooks", "Whether a webhook could be saved now", accepts),
            *inbox,
        ]

    def _of_redis(self) -> Sequence[Metric]:
        metrics: Sequence[Metric] = ()
        with suppress(RedisError):
            queued = sum(int(self._redis.llen(queue)) for queue in QUEUES)
            lengths = {"queued": queued, "running": self._redis.hlen(UNACKED)}
            sweeping = int(heartbeat.is_alive(self._redis))
            metrics = [
                Gauge("moment24_heartbeat", "Whether a sweep was completed within the last minute", sweeping),
                _by("moment24_queue_messages", "Celery messages in Redis", ("state",), lengths),
                *self._of_budget(),
            ]
        return [Gauge("moment24_redis_up", "Whether Redis responds", int(bool(metrics))), *metrics]

    def _of_budget(self) -> Sequence[Metric]:
        if (usage := self._budget.usage()) is None:
            return []
        used = {"events": usage.events, "polls": usage.polls}
        return [
            Gauge("moment24_budget_limit", "Requests allowed in an hour", usage.allowed),
            Gauge("moment24_budget_remaining", "Requests allowed now", usage.remaining),
            Gauge("moment24_budget_reserved", "Remaining requests that are reserved for events", usage.reserved),
            _by("moment24_budget_used", "Requests sent in the last hour", ("for",), used),
            Gauge("moment24_budget_blocked", "Whether no request is allowed now", int(bool(usage.blocked_until))),
        ]


def _inbox_metrics(snapshot: MetricsSnapshot) -> Sequence[Metric]:
    totals = snapshot.totals
    paused = totals.not_started + totals.paused
    idle = {"paused": paused, "outage": totals.outage, "rate_limited": totals.rate_limited}
    connections = {"working": totals.connections - sum(idle.values()), **idle}
    return [
        _by("moment24_jobs", "Jobs that are not done", ("entity_type", "state"), snapshot.jobs),
        _by("moment24_jobs_oldest_seconds", "Age of the oldest pending job", ("entity_type",), snapshot.oldest),
        _by(
            "moment24_jobs_overdue_seconds",
            "Seconds since the first job was due",
            ("entity_type",),
            snapshot.overdue,
        ),
        _by("moment24_connections", "Connections by state", ("state",), connections),
        Gauge("moment24_alerts_pending", "Alerts that wait for their mail", snapshot.alerts),
        Gauge(
            "moment24_alerts_oldest_pending_seconds", "Age of the oldest pending alert", snapshot.alerts_seconds
        ),
        Gauge("moment24_event_deliveries_pending", "Events that receivers have not accepted", snapshot.deliveries),
        Gauge(
            "moment24_event_deliveries_oldest_seconds",
            "Age of the oldest pending delivery",
            snapshot.deliveries_seconds,
        ),
        _by(
            "moment24_polls_failing_seconds",
            "Seconds since polls began to fail",
            ("entity_type",),
            snapshot.polls_failing,
        ),
        _by(
            "moment24_nightly_poll_seconds",
            "Age of the oldest nightly poll",
            ("entity_type",),
            snapshot.nightly_polls,
        ),
        Gauge("moment24_api_key_oldest_seconds", "Age of the oldest API key of Moment", snapshot.api_key_seconds),
        _backup_metric(snapshot.backup_seconds),
    ]


def _backup_metric(seconds: float | None) -> Metric:
    family = Gauge("moment24_backup_age_seconds", "Age of the last verified backup")
    if seconds is not None:
        family.add_metric([], seconds)
    return family


def _by(name: str, what: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    """Make a gauge with a value for each key: the value of the label, or a tuple with one for each label."""
    family = Gauge(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else key, value)
    return family
