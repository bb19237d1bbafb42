"""The instrumentation of a process: the log fields, metrics and traces of its work."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from structlog.contextvars import bound_contextvars

from models.connections.alert_outbox import AlertType
from models.enums import EntityType, JobState, Outcome
from models.inbox.leases import AttemptResult, Lease, SyncJob
from worker.observability.metrics import NEEDS_ATTENTION, SYNCED_ALONE, Metrics
from worker.observability.tracing import Fields, Tracer

log = structlog.get_logger()


@dataclass(frozen=True)
class Instrumentation:
    """Adds log fields, metrics and traces; ``lease_id`` and ``job`` together identify an attempt."""

    metrics: Metrics
    tracer: Tracer

    @contextmanager
    def running(self, task: str, *, task_id: str, after: Mapping[str, str]) -> Iterator[None]:
        """Add the task to each log line, and open a span whose parent is the message's sender."""
        fields: Fields = {"task": task, "task_id": task_id}
        with (
            self.metrics.tasks_running.track_inprogress(),
            self.metrics.task_seconds.labels(task).time(),
            bound_contextvars(**fields),
            self.tracer.span(f"task {task}", fields, after=after),
        ):
            yield

    @contextmanager
    def draining(self, lease: Lease) -> Iterator[None]:
        fields: Fields = {
            "connection": lease.lane.connection_id,
            "entity_type": str(lease.lane.entity_type),
            "lease_id": lease.id.hex[:8],
        }
        with bound_contextvars(**fields), self.tracer.span("drain", fields):
            yield

    @contextmanager
    def attempting(self, lease: Lease, step: str, jobs: Sequence[SyncJob]) -> Iterator[None]:
        ids = [job.id for job in jobs]
        fields: Fields = {"job": ids[0]} if len(ids) == 1 else {"jobs": ids}
        received = [(lease.lane.connection_id, job.record) for job in jobs]
        with bound_contextvars(**fields), self.tracer.span(step, fields, of=received):
            yield

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        jobs = {job.id: job for job in lease.jobs}
        entity_type = lease.lane.entity_type
        for result in results:
            if result.outcome:
                job = jobs[result.job_id]
                self.metrics.attempts.labels(entity_type, result.outcome, result.error_code).inc()
                self._count_record(entity_type, job, result)
                self.metrics.attempt_seconds.labels(entity_type).observe(result.seconds)
                if result.outcome is Outcome.SYNCED and job.processable_since:
                    latency = max((now - job.processable_since).total_seconds(), 0)
                    self.metrics.sync_latency.labels(entity_type).observe(latency)
                error_code = {"error_code": result.error_code} if result.error_code else {}
                log.info("attempt", record=job.record.id, job=job.id, outcome=result.outcome, **error_code)
                fields: Fields = {"job": result.job_id, "outcome": str(result.outcome)}
                self.tracer.event("completed", fields | {"error_code": result.error_code})
            if result.problem and result.problem.alert_type is AlertType.PAUSED:
                log.warning("connection_paused", error_code=result.error_code)

    def _count_record(self, entity_type: EntityType, job: SyncJob, result: AttemptResult) -> None:
        """Count a record once: when it is synced without a person, or when it begins to need attention."""
        if job.needed_attention:
            return
        if result.state is JobState.NEEDS_ATTENTION:
            self.metrics.records.labels(entity_type, NEEDS_ATTENTION).inc()
        elif result.outcome is Outcome.SYNCED:
            self.metrics.records.labels(entity_type, SYNCED_ALONE).inc()

    def call_completed(self, system: str, operation: str, *, status: str, seconds: float) -> None:
        self.metrics.calls.labels(system, operation, status).inc()
        self.metrics.call_seconds.labels(system, operation).observe(seconds)
        self.tracer.call_span(f"{system} {operation}", status=status, seconds=seconds)
