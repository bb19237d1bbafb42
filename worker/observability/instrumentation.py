"""Looks on at the work of a process: gives its log the fields of every line, counts, and traces where wanted."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Protocol, TypeAlias

from structlog.contextvars import bound_contextvars

from models.enums import Record
from models.inbox.leases import AttemptResult, Lease, SyncJob
from worker.observability.metrics import Metrics

Fields: TypeAlias = "dict[str, str | int | list[int]]"


class Tracer(Protocol):
    """Where spans go, and how a change finds the one that received it."""

    def remember(self, connection_id: int, record: Record) -> None:
        """Remember, for a while, in which span a change was received."""
        ...

    def span(
        self,
        name: str,
        fields: Fields,
        *,
        of: Iterable[tuple[int, Record]] = (),
        after: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[None]:
        """Surround something by a span: linked to those that received what it is ``of``, and below ``after``."""
        ...

    def headers(self) -> dict[str, str]:
        """Tell the headers that bring the present span to whoever gets a message."""
        ...

    def event(self, name: str, fields: Fields) -> None:
        """Note something in the present span."""
        ...

    def call_span(self, name: str, *, status: str, seconds: float) -> None:
        """Note a call that has just ended."""
        ...

    def close(self) -> None:
        """Send what has not been sent."""
        ...


class NoTracer:
    """No traces."""

    def remember(self, connection_id: int, record: Record) -> None:
        """Remember nothing."""

    def span(self, *_: object, **__: object) -> AbstractContextManager[None]:
        """Surround it with nothing."""
        return nullcontext()

    def headers(self) -> dict[str, str]:
        """Bring nothing along."""
        return {}

    def event(self, name: str, fields: Fields) -> None:
        """Note nothing."""

    def call_span(self, name: str, *, status: str, seconds: float) -> None:
        """Note nothing."""

    def close(self) -> None:
        """Nothing is left."""


class Instrumentation:
    """Looks on for the log, the metrics and the traces.

    ``attempt`` in the log is the beginning of the claim's id: with ``job`` it names one try.
    """

    def __init__(self, metrics: Metrics, tracer: Tracer) -> None:
        self._metrics = metrics
        self._traces = tracer

    @contextmanager
    def running(self, task: str, *, task_id: str, after: Mapping[str, str]) -> Iterator[None]:
        """Have the task in every line, below the span of whoever sent its message."""
        fields: Fields = {"task": task, "task_id": task_id}
        began = time.perf_counter()
        self._metrics.task_started()
        try:
            with bound_contextvars(**fields), self._traces.span(f"task {task}", fields, after=after):
                yield
        finally:
            self._metrics.task_ended(task, seconds=time.perf_counter() - began)

    @contextmanager
    def draining(self, lease: Lease) -> Iterator[None]:
        """Have connection, kind and attempt in every line."""
        fields: Fields = {
            "connection": lease.lane.connection_id,
            "entity_type": str(lease.lane.entity_type),
            "attempt": lease.id.hex[:8],
        }
        with bound_contextvars(**fields), self._traces.span("drain", fields):
            yield

    @contextmanager
    def attempting(self, lease: Lease, step: str, jobs: Sequence[SyncJob]) -> Iterator[None]:
        """Have the change in every line, or all of them where they go together."""
        ids = [job.id for job in jobs]
        fields: Fields = {"job": ids[0]} if len(ids) == 1 else {"jobs": ids}
        received = [(lease.lane.connection_id, job.record) for job in jobs]
        with bound_contextvars(**fields), self._traces.span(step, fields, of=received):
            yield

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        """Count the attempts, and note each in the claim's span."""
        received = {job.id: job.received_at for job in lease.jobs}
        for result in results:
            if result.outcome:
                at = received[result.job_id]
                self._metrics.attempt_completed(lease.lane.entity_type, result, waited=now - at if at else None)
                fields: Fields = {"job": result.job_id, "outcome": str(result.outcome)}
                self._traces.event("completed", fields | {"error_code": result.error_code})

    def call_completed(self, system: str, operation: str, *, status: str, seconds: float) -> None:
        """Count a call to a remote system and trace it."""
        self._metrics.call_completed(system, operation, status=status, seconds=seconds)
        self._traces.call_span(f"{system} {operation}", status=status, seconds=seconds)
