"""What is told of the installation as a whole when Prometheus asks the web: read then, but not too often."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from models import gauges
from models.base import DatabaseUnavailable
from worker import pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from prometheus_client import Metric
    from redis import Redis

    from integrations.twentyfour.budget import Budget
    from models.base import Database
    from models.gauges import Gauges

Labels = TypeVar("Labels", bound="tuple[str, ...]")
Name = TypeVar("Name", bound=str)

FRESH_SECONDS = 5
"""How long an answer is given again, so that no number of questions is a burden."""

QUEUES = {"waiting": ("llen", "sync"), "in_hand": ("hlen", "unacked")}
"""Where Celery keeps its messages in Redis."""


class Installation(Collector):
    """Reads how the installation stands.

    Args:
        database: where the inbox is.
        redis: where the queue is.
        budget: of requests to 24SevenOffice.
        clock: gives the present instant in UTC.
    """

    def __init__(self, database: Database, redis: Redis, *, budget: Budget, clock: Callable[[], datetime]) -> None:
        self._database, self._redis, self._budget, self._clock = database, redis, budget, clock
        self._reading = Lock()
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._read: Sequence[Metric] = ()
        self._read_at = 0.0

    def describe(self) -> Iterable[Metric]:
        """Tell nothing, so that nothing is read before somebody asks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read it, or tell what was read just now; what cannot be read is left out."""
        with self._reading:
            if not self._read or time.monotonic() - self._read_at > FRESH_SECONDS:
                self._read = [*self._of_postgresql(), *self._of_redis()]
                self._read_at = time.monotonic()
            return self._read

    def text(self) -> bytes:
        """Tell it as Prometheus reads it."""
        return generate_latest(self.registry)

    def _of_postgresql(self) -> Sequence[Metric]:
        name, what = "bridge_postgresql_up", "Whether PostgreSQL answers"
        try:
            return [_one(name, what, 1), *_of_inbox(gauges.read(self._database, now=self._clock()))]
        except DatabaseUnavailable:
            return [_one(name, what, 0)]

    def _of_redis(self) -> Sequence[Metric]:
        name, what = "bridge_redis_up", "Whether Redis answers"
        try:
            lengths = {place: getattr(self._redis, verb)(key) for place, (verb, key) in QUEUES.items()}
            sweeping = pulse.is_felt(self._redis)
        except RedisError:
            return [_one(name, what, 0)]
        return [
            _one(name, what, 1),
            _one("bridge_sweeping", "Whether beat, Redis and a worker have swept lately", int(sweeping)),
            _by("bridge_queue_messages", "Messages of Celery in Redis", ("place",), _keys(lengths)),
            *self._of_budget(),
        ]

    def _of_budget(self) -> Sequence[Metric]:
        usage = self._budget.usage()
        if usage is None:
            return []
        given = {"events": usage.events, "polls": usage.polls}
        return [
            _one("bridge_budget_allowed", "Requests that may be sent in an hour", usage.allowed),
            _one("bridge_budget_left", "Requests that may be sent now", usage.left),
            _one("bridge_budget_reserved", "Requests of those left that are for events only", usage.reserved),
            _by("bridge_budget_given", "Requests that were sent in the last hour", ("for",), _keys(given)),
            _one("bridge_budget_blocked", "Whether no request may be sent now", int(bool(usage.blocked_until))),
        ]


def _of_inbox(read: Gauges) -> Sequence[Metric]:
    totals = read.totals
    idle = {"paused": totals.paused, "down": totals.down, "short": totals.short}
    connections = {"working": totals.connections - sum(idle.values()), **idle}
    return [
        _by("bridge_inbox_changes", "Changes that are not finished", ("kind", "state"), read.changes),
        _by("bridge_inbox_oldest_seconds", "Age of the oldest on its way", ("kind",), _keys(read.oldest)),
        _by("bridge_inbox_overdue_seconds", "Since the first was due", ("kind",), _keys(read.overdue)),
        _by("bridge_connections", "Connections by how they stand", ("state",), _keys(connections)),
        _one("bridge_alerts_unsent", "Alerts that wait for their mail", read.alerts),
        _one("bridge_alerts_oldest_seconds", "Age of the oldest of these", read.alerts_seconds),
    ]


def _keys(values: Mapping[Name, float]) -> dict[tuple[Name], float]:
    return {(key,): value for key, value in values.items()}


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _by(name: str, what: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
