"""Drains a lane, a batch at a time: claim, act with no transaction open, settle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from models.connections import alert_outbox
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, Lane, Outcome
from models.inbox import dependencies as inbox_dependencies
from models.inbox import due, leases
from models.inbox.leases import AttemptResult, Lease, LeaseLostError
from sync.engine import breaker_policy, dependencies
from sync.engine.alerts import pause_alert
from sync.engine.batch import Flow, run_batch
from sync.engine.context import SyncContext
from sync.engine.instrumentation import Instrumentation, NoInstrumentation
from sync.engine.outcomes import Attempt, Success, attempt_result, next_chance, postponed
from sync.engine.write_deadline import WriteDeadline, enforced
from sync.errors import DependencyPendingError, MisconfiguredError, SyncError
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

NO_INSTRUMENTATION = NoInstrumentation()


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes lanes through their stations.

    Args:
        database: where the inbox is.
        connections: to read a connection and to pause it.
        open_context: gives a flow the two systems of a connection; the function renews the claim.
        clock: gives the present instant in UTC.
        monotonic: counts seconds, also while the machine sleeps.
        random: gives a number from 0 up to 1.
        lease_ttl: how long a claim holds without a word.
        instrumentation: who looks on.
    """

    database: Database
    connections: Connections
    open_context: Callable[[Connection, Callable[[], None]], SyncContext]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Callable[[], float]
    lease_ttl: timedelta
    instrumentation: Instrumentation = NO_INSTRUMENTATION

    def drain(self, lane: Lane) -> set[Lane]:
        """Work one batch of a lane off, and tell which lanes have something to do after it."""
        flow = FLOWS[lane.entity_type]
        connection = self.connections.get(lane.connection_id)  # before the claim, should it not be readable
        deadline, now = (
            WriteDeadline(clock=self.clock, monotonic=self.monotonic, lease_ttl=self.lease_ttl),
            self.clock(),
        )
        lease = leases.acquire(self.database, lane, limit=flow.batch_size, now=now, until=now + self.lease_ttl)
        if lease is None:
            return set()
        with self.instrumentation.draining(lease), enforced(deadline):
            try:
                return self._process(lease, flow, connection, deadline)
            except LeaseLostError:
                log.warning("lease_lost", connection=lane.connection_id, entity_type=lane.entity_type)
                return set()

    def pause(self, connection: Connection, error: MisconfiguredError) -> None:
        """Stop a connection whose settings are wrong, with one mail however many records met it."""
        if self.connections.pause(connection.id, error.message, now=self.clock(), alerted=True):
            log.warning("connection_paused", connection=connection.id, error_code=error.error_code)
            alert_outbox.queue_connection_alert(
                self.database, connection.id, pause_alert(connection, error), now=self.clock()
            )

    def _process(
        self,
        lease: Lease,
        flow: Callable[[SyncContext], Flow[Any]],
        connection: Connection,
        deadline: WriteDeadline,
    ) -> set[Lane]:
        context = self.open_context(connection, lambda: self._renew_lease(lease, deadline))
        with context.reading_ahead(lease.lane, [job.record for job in lease.jobs]):
            trying = partial(self.instrumentation.attempting, lease)
            attempts, untried = run_batch(
                flow(context),
                lease.jobs,
                clock=self.clock,
                renew_lease=self._lease_renewer(lease, deadline),
                instrument=trying,
            )
        attempts |= dependencies.follow_up(self.database, lease, attempts, now=self.clock())
        answers = {job_id: each.answer for job_id, each in attempts.items()}
        for error in answers.values():
            if isinstance(error, MisconfiguredError):
                self.pause(connection, error)  # before the lane is free, or another worker would try it once more
        results = self._results(lease, attempts, untried, connection)
        leases.complete(self.database, lease, results, now=self.clock())
        self.instrumentation.completed(lease, results, now=self.clock())
        _log(lease, results)
        breaker_policy.record_batch(
            self.database, connection, answers.values(), now=self.clock(), random=self.random
        )
        return self._next(lease, answers)

    def _renew_lease(self, lease: Lease, deadline: WriteDeadline) -> None:
        deadline.renew()
        leases.renew(self.database, lease, until=self.clock() + self.lease_ttl)

    def _lease_renewer(self, lease: Lease, deadline: WriteDeadline) -> Callable[[], None]:
        """Make what keeps a claim while records are read: it renews it when a tenth of its time is over."""
        held = self.clock()

        def renew_lease() -> None:
            nonlocal held
            if self.clock() - held >= self.lease_ttl / 10:
                self._renew_lease(lease, deadline)
                held = self.clock()

        return renew_lease

    def _results(
        self,
        lease: Lease,
        attempts: Mapping[int, Attempt],
        untried: Mapping[int, SyncError],
        connection: Connection,
    ) -> Sequence[AttemptResult]:
        now, addresses = self.clock(), connection.settings.error_emails
        made = [
            attempt_result(job, attempts[job.id], now=now, random=self.random, recipients=addresses)
            for job in lease.jobs
            if job.id in attempts
        ]
        until = {error: next_chance(error, now=now, random=self.random) for error in set(untried.values())}
        rest = (job for job in lease.jobs if job.id in untried)
        return made + [postponed(job, until=until[untried[job.id]]) for job in rest]

    def _next(self, lease: Lease, answers: Mapping[int, Success | Exception]) -> set[Lane]:
        """Wake what waited for records that came across or never will, and tell the lanes to nudge."""
        lane, records = lease.lane, {job.id: job.record for job in lease.jobs}
        done = {records[i]: answer.outcome for i, answer in answers.items() if isinstance(answer, Success)}
        woken = inbox_dependencies.wake(self.database, lane.connection_id, done.keys(), now=self.clock())
        skipped = [record for record, outcome in done.items() if outcome is Outcome.SKIPPED]
        woken |= inbox_dependencies.end_wait(self.database, lane.connection_id, skipped, now=self.clock())
        dependencies = [
            answer.dependency for answer in answers.values() if isinstance(answer, DependencyPendingError)
        ]
        more = {lane} if due.in_lane(self.database, lane, now=self.clock()) else set()
        return more | woken | {Lane(lane.connection_id, record.entity_type) for record in dependencies}


def _log(lease: Lease, results: Sequence[AttemptResult]) -> None:
    records = {job.id: job.record.id for job in lease.jobs}
    for result in results:
        if result.outcome:
            log.info(
                "attempt",
                connection=lease.lane.connection_id,
                entity_type=lease.lane.entity_type,
                record=records[result.job_id],
                job=result.job_id,
                outcome=result.outcome,
                **({"error_code": result.error_code} if result.error_code else {}),
            )
