"""The runner drains a lane in batches: it leases jobs, executes them outside transactions, and completes them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from i18n.messages import msg
from models.connections.repository import Connection, Connections
from models.database import Database, DatabaseUnavailableError
from models.enums import EntityType, Lane
from models.error_codes import CRASHED, GONE, WORKER_CRASHES
from models.inbox import circuit_breaker, leases, webhook_limit
from models.inbox.leases import AttemptResult, Lease, LeaseLostError, SyncJob
from sync.engine.backoff import MAX_WORKER_CRASHES
from sync.engine.call_log import recording_calls
from sync.engine.context import SyncContext
from sync.engine.outcomes import Attempt, NotAttempted, Success, Trace, attempt_results, connection_problem
from sync.engine.write_deadline import WriteDeadline, enforce
from sync.errors import (
    CONNECTION_ERRORS,
    BrokenOffError,
    CrashError,
    MisconfiguredError,
    RejectedError,
    SyncError,
)
from sync.flows.customers import Customers
from sync.flows.expenses import Expenses
from sync.flows.invoices import Invoices
from sync.flows.projects import Projects

log = structlog.get_logger()

FLOWS: Mapping[EntityType, type[Customers | Projects | Invoices | Expenses]] = {
    EntityType.CUSTOMER: Customers,
    EntityType.PROJECT: Projects,
    EntityType.INVOICE: Invoices,
    EntityType.EXPENSE: Expenses,
}


OUTAGE_RETRY_SECONDS = 1
"""Seconds between two attempts to reach PostgreSQL while a worker has a lease to complete."""

W = TypeVar("W", bound="Prepared")
T = TypeVar("T")


class Prepared(Protocol):
    """A record that a flow has prepared for sending."""

    @property
    def job(self) -> SyncJob:
        """The job that it is for."""
        ...


class Flow(Protocol[W]):
    """The work for one entity type, safe to run twice. ``sends_together``: calls are shared by a batch of jobs."""

    batch_size: int
    sends_together: bool

    def prepare(self, job: SyncJob) -> W | Success:
        """Read the record and decide what to send; raises ``SyncError``."""
        ...

    def send(self, batch: Sequence[W]) -> Sequence[Success | SyncError]:
        """Send prepared records; return a result for each, in order. A raised ``SyncError`` applies to all."""
        ...


class Instrumentation(Protocol):
    """Counts, traces and adds log fields, without changing anything."""

    def draining(self, lease: Lease, /) -> AbstractContextManager[None]:
        """Wrap all work under a lease."""
        ...

    def attempting(self, lease: Lease, step: str, jobs: Sequence[SyncJob], /) -> AbstractContextManager[None]:
        """Wrap a step of an attempt, ``prepare`` or ``send``, at one job or several that go together."""
        ...

    def completed(self, lease: Lease, results: Sequence[AttemptResult], *, now: datetime) -> None:
        """Count and log the results of jobs, once they are committed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs lanes.

    ``open_context`` gives a flow the two systems of a connection, and is passed the function that renews the
    lease. ``monotonic`` counts seconds, also while the machine sleeps. ``random`` returns a number from 0 up to 1,
    and ``sleep`` waits.
    """

    database: Database
    connections: Connections
    open_context: Callable[[Connection, Callable[[], None]], SyncContext]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Callable[[], float]
    sleep: Callable[[float], None]
    lease_ttl: timedelta
    instrumentation: Instrumentation

    def drain(self, lane: Lane) -> set[Lane]:
        """Process one batch of a lane; return the lanes that then have work."""
        connection = self.connections.get(lane.connection_id)  # before the lease, in case it is unreadable
        deadline = WriteDeadline(clock=self.clock, monotonic=self.monotonic, lease_ttl=self.lease_ttl)
        now, limit = self.clock(), FLOWS[lane.entity_type].batch_size
        lease = leases.acquire(self.database, lane, limit=limit, now=now, until=now + self.lease_ttl)
        if lease is None:
            return set()
        with self.instrumentation.draining(lease), enforce(deadline):
            try:
                attempts = self._execute(lease, connection, deadline)
                return self._despite_outage(lease, partial(self._complete, lease, connection, attempts))
            except LeaseLostError:
                log.warning("lease_lost", connection=lane.connection_id, entity_type=lane.entity_type)
                return set()

    def pause(self, connection: Connection, error: MisconfiguredError) -> None:
        """Pause a connection whose settings are wrong, with a single mail."""
        problem = connection_problem(error)
        if problem and circuit_breaker.pause(
            self.database, connection.id, problem, seen=connection.updated_at, now=self.clock()
        ):
            log.warning("connection_paused", connection=connection.id, error_code=error.error_code)

    def _execute(
        self, lease: Lease, connection: Connection, deadline: WriteDeadline
    ) -> Mapping[int, Attempt | NotAttempted]:
        """Run the flow for the jobs of a lease; return the attempts by job id."""
        renewal = _LeaseRenewal(self.database, lease, deadline, clock=self.clock, ttl=self.lease_ttl)
        context = self.open_context(connection, renewal.renew_to_write)
        batch = _Batch(
            flow=FLOWS[lease.lane.entity_type](context),
            lease=lease,
            context=context,
            renewal=renewal,
            instrumentation=self.instrumentation,
        )
        try:
            with context.reading_ahead(lease.lane, [job.record for job in lease.jobs]):
                return batch.run()
        except DatabaseUnavailableError as error:  # before the first job was tried
            return {job.id: NotAttempted(because=_broken_off(error)) for job in lease.jobs}

    def _despite_outage(self, lease: Lease, complete: Callable[[], set[Lane]]) -> set[Lane]:
        """Complete a lease, however long PostgreSQL is down: otherwise this worker would count as vanished."""
        outage = False
        while True:
            try:
                return complete()
            except DatabaseUnavailableError as error:
                if not outage:
                    log.warning("database_awaited", because=str(error))
                outage = True
                self.sleep(OUTAGE_RETRY_SECONDS)
            except LeaseLostError:
                if outage:
                    leases.uncount_crash(self.database, lease, now=self.clock())
                raise

    def _complete(
        self, lease: Lease, connection: Connection, attempts: Mapping[int, Attempt | NotAttempted]
    ) -> set[Lane]:
        """Decide the result of each job and save it."""
        results = attempt_results(
            self.database,
            lease,
            attempts,
            now=self.clock(),
            random=self.random,
            recipients=connection.settings.error_emails,
        )
        seen, jitter = connection.updated_at, self.random()
        lanes = leases.complete(self.database, lease, results, clock=self.clock, jitter=jitter, seen=seen)
        self.instrumentation.completed(lease, results, now=self.clock())
        gone = any(result.error_code == GONE for result in results)
        if gone and webhook_limit.limit_if_flooded(self.database, connection.id, now=self.clock()):
            log.warning("webhook_limited", connection=connection.id)
        return lanes


@dataclass(slots=True)
class _LeaseRenewal:
    """The renewal of a lease and of its write deadline; ``writes`` counts how often something may be written."""

    database: Database
    lease: Lease
    deadline: WriteDeadline
    clock: Callable[[], datetime] = field(kw_only=True)
    ttl: timedelta = field(kw_only=True)
    writes: int = field(default=0, init=False)

    def renew_to_write(self) -> None:
        """Renew the lease before a remote write."""
        self._renew()
        self.writes += 1

    def renew_if_due(self) -> None:
        """Renew the lease if a tenth of its time has passed, while records are read."""
        if self.clock() - self.deadline.renewed_at >= self.ttl / 10:
            self._renew()

    def _renew(self) -> None:
        self.deadline.renew()
        leases.renew(self.database, self.lease, until=self.clock() + self.ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The jobs of a lease in a flow: each is prepared, the prepared records are sent, and errors are caught."""

    flow: Flow[Any]
    lease: Lease
    context: SyncContext
    renewal: _LeaseRenewal
    instrumentation: Instrumentation

    def run(self) -> dict[int, Attempt | NotAttempted]:
        """Prepare each job and send the prepared records; return the attempts by job id.

        Once a system is unavailable or refuses the connection, no further record is tried there. If settings are
        wrong, nothing is sent either, because it was prepared with them.
        """
        attempts: dict[int, Attempt | NotAttempted] = {}
        ready: list[tuple[Prepared, Trace]] = []
        for index, job in enumerate(self.lease.jobs):
            with self.instrumentation.attempting(self.lease, "prepare", [job]):
                result, trace = self._try(partial(self._prepare, job))
            if isinstance(result, Success | SyncError):
                attempts[job.id] = Attempt(result=result, trace=trace)
            else:
                ready.append((result, trace))
            if isinstance(result, CONNECTION_ERRORS):
                later = self.lease.jobs[index + 1 :]
                attempts |= {each.id: NotAttempted(because=result) for each in later}
                if isinstance(result, MisconfiguredError):
                    return attempts | {item.job.id: NotAttempted(because=result) for item, _ in ready}
                break
        return attempts | self._send(ready)

    def _prepare(self, job: SyncJob) -> Prepared | Success:
        self.renewal.renew_if_due()  # many slow reads take longer than the lease lasts
        if job.worker_crashes >= MAX_WORKER_CRASHES:
            raise RejectedError(
                msg(
                    "The integration crashed {times} times while processing this record.",
                    times=job.worker_crashes,
                ),
                error_code=WORKER_CRASHES,
            )
        prepared: Prepared | Success = self.flow.prepare(job)
        return prepared

    def _send(self, ready: Sequence[tuple[Prepared, Trace]]) -> dict[int, Attempt | NotAttempted]:
        """Send the prepared records, together or one by one; return the attempts by job id."""
        attempts: dict[int, Attempt | NotAttempted] = {}
        groups = [ready] if ready and self.flow.sends_together else [[each] for each in ready]
        for number, group in enumerate(groups, 1):
            with self.instrumentation.attempting(self.lease, "send", [item.job for item, _ in group]):
                results, sent = self._try(partial(self.flow.send, [item for item, _ in group]))
            if isinstance(results, SyncError):
                results = [results] * len(group)
            for (item, prepared), result in zip(group, results, strict=True):
                trace = replace(
                    prepared, calls=prepared.calls + sent.calls, seconds=prepared.seconds + sent.seconds
                )
                attempts[item.job.id] = Attempt(result=result, trace=trace)
            ended_by = next((each for each in results if isinstance(each, CONNECTION_ERRORS)), None)
            if ended_by:
                later = [item.job.id for group in groups[number:] for item, _ in group]
                return attempts | {job_id: NotAttempted(because=ended_by) for job_id in later}
        return attempts

    def _try(self, step: Callable[[], T]) -> tuple[T | SyncError, Trace]:
        """Run a step and catch its error, unless another worker has the lane."""
        began, writes = self.context.clock(), self.renewal.writes
        result: T | SyncError
        with recording_calls() as calls:
            try:
                result = step()
            except LeaseLostError:
                raise
            except SyncError as error:
                result = error
            except DatabaseUnavailableError as error:
                result = _broken_off(error).replace(outcome_unknown=self.renewal.writes > writes)
            except Exception as error:
                log.exception("flow_crashed")
                result = _crash(error)
        seconds = (self.context.clock() - began).total_seconds()
        aliases, summary = self.context.take_search_aliases(), self.context.take_summary()
        return result, Trace(calls=tuple(calls), seconds=seconds, search_aliases=aliases, summary=summary)


def _broken_off(error: DatabaseUnavailableError) -> BrokenOffError:
    log.warning("batch_broke_off", because=str(error))
    return BrokenOffError(msg("The integration's database became unavailable while this record was being synced."))


def _crash(error: Exception) -> CrashError:
    return CrashError(
        msg("An internal error occurred while processing this record ({error}).", error=type(error).__name__),
        error_code=CRASHED,
    )
