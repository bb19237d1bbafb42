"""Metrics of the whole installation, collected when Prometheus scrapes the web, but not too often."""

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
"""How long a result is reused, so that frequent scrapes are no burden."""

TRIED_SECONDS = 10.0
"""How long a successful test of saving a webhook is valid."""

UNACKED = "unacked"
"""Celery's Redis key for messages that a worker has taken; a queue's messages are under its name."""


class Intake:
    """Whether PostgreSQL would accept a webhook now; ``attempt`` tests it, rarely while all is well."""

    def __init__(self, attempt: Callable[[], None]) -> None:
        self._attempt = attempt
        self._attempting = Lock()
        self._refusal, self._attempted_at = "", -TRIED_SECONDS

    def refusal(self) -> str:
        """Return the cause of a refusal, "" if a webhook would be accepted."""
        with self._attempting:
            if self._refusal or time.monotonic() - self._attempted_at >= TRIED_SECONDS:
                try:
                    self._attempt()
                    self._refusal = ""
                except DatabaseUnavailableError as error:
                    self._refusal = error.cause
                self._attempted_at = time.monotonic()
            return self._refusal


class InstallationMetrics(Collector):
    """Collects the state of the installation: the inbox in PostgreSQL, the queue and request budget in Redis."""

    def __init__(
        self, database: Database, redis: Redis, *, budget: Budget, clock: Callable[[], datetime], intake: Intake
    ) -> None:
        self._database, self._redis, self._budget, self._clock = database, redis, budget, clock
        self._intake = intake
        self._reading = Lock()
        self._read: Sequence[Metric] = ()
        self._read_at = 0.0

    def collect(self) -> Iterable[Metric]:
        """Collect the metrics, or return recent ones; what cannot be read is left out."""
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
        takes = int(not self._intake.refusal())
        return [
            Gauge("moment24_postgresql_up", "Whether PostgreSQL answers", int(bool(inbox))),
            Gauge("moment24_postgresql_takes_webhooks", "Whether a webhook could be written", takes),
            *inbox,
        ]

    def _of_redis(self) -> Sequence[Metric]:
        told: Sequence[Metric] = ()
        with suppress(RedisError):
            queued = sum(int(self._redis.llen(queue)) for queue in QUEUES)
            lengths = {"queued": queued, "running": self._redis.hlen(UNACKED)}
            sweeping = int(heartbeat.is_alive(self._redis))
            told = [
                Gauge("moment24_heartbeat", "Whether beat, Redis and a worker have swept", sweeping),
                _by("moment24_queue_messages", "Messages of Celery in Redis", ("state",), lengths),
                *self._of_budget(),
            ]
        return [Gauge("moment24_redis_up", "Whether Redis answers", int(bool(told))), *told]

    def _of_budget(self) -> Sequence[Metric]:
        if (usage := self._budget.usage()) is None:
            return []
        given = {"events": usage.events, "polls": usage.polls}
        return [
            Gauge("moment24_budget_limit", "Requests allowed per hour", usage.allowed),
            Gauge("moment24_budget_remaining", "Requests left now", usage.remaining),
            Gauge("moment24_budget_reserved", "Requests left that only events may use", usage.reserved),
            _by("moment24_budget_used", "Requests sent in the last hour", ("for",), given),
            Gauge("moment24_budget_blocked", "Whether requests are blocked", int(bool(usage.blocked_until))),
        ]


def _inbox_metrics(read: MetricsSnapshot) -> Sequence[Metric]:
    totals = read.totals
    paused = totals.not_started + totals.paused
    idle = {"paused": paused, "in_outage": totals.in_outage, "rate_limited": totals.rate_limited}
    connections = {"available": totals.connections - sum(idle.values()), **idle}
    return [
        _by("moment24_jobs", "Jobs that are not done", ("entity_type", "state"), read.jobs),
        _by("moment24_jobs_oldest_seconds", "Age of the oldest pending job", ("entity_type",), read.oldest),
        _by("moment24_jobs_overdue_seconds", "How long a job has been due", ("entity_type",), read.overdue),
        _by("moment24_connections", "Connections by state", ("state",), connections),
        Gauge("moment24_alerts_pending", "Alerts not sent yet", read.alerts),
        Gauge("moment24_alerts_oldest_pending_seconds", "Age of the oldest of these", read.alerts_seconds),
        Gauge("moment24_event_deliveries_pending", "Events that receivers have not accepted", read.deliveries),
        Gauge("moment24_event_deliveries_oldest_seconds", "Age of the oldest of these", read.deliveries_seconds),
        _by("moment24_polls_failing_seconds", "How long polls have failed", ("entity_type",), read.polls_failing),
        _by(
            "moment24_nightly_poll_seconds", "Age of the oldest nightly poll", ("entity_type",), read.nightly_polls
        ),
        Gauge("moment24_api_key_oldest_seconds", "Age of the oldest API key of Moment", read.api_key_seconds),
        _backup_metric(read.backup_seconds),
    ]


def _backup_metric(seconds: float | None) -> Metric:
    family = Gauge("moment24_backup_age_seconds", "Age of the last verified backup")
    if seconds is not None:
        family.add_metric([], seconds)
    return family


def _by(name: str, what: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    """Make a gauge with a value for each key: a text, or one text for each label."""
    family = Gauge(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else key, value)
    return family
