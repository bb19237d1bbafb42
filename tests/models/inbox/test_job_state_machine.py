"""Whole lives of jobs: three records in two lanes, one waiting for another, and all that workers and people do.

The rules apply the product's own functions. What must hold is recorded separately, in a few words for each record,
and compared with the tables after each step.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from models.admin import discrepancies, job_actions, match_questions, reminders
from models.admin.job_actions import ActionResult
from models.admin.job_filter import JobFilter
from models.admin.reminders import OVERDUE_AFTER
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import PENDING, SUCCESSFUL, EntityType, JobState, Lane, Outcome, Record
from models.error_codes import UNSEEN_DRAFT, WHICH_CUSTOMER
from models.inbox import dependencies, due, leases, links, questions, restore
from models.inbox.circuit_breaker import MAX_DELAY, ConnectionProblem, ProblemType
from models.inbox.dependencies import Wait
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult, Lease, LeaseLostError, SyncJob
from models.inbox.links import Link
from models.inbox.questions import Candidate
from models.inbox.transitions import VERIFICATION_DELAY, JobEvent
from models.schema.audit_entries import allow_erasure
from models.schema.tables import (
    AlertRow,
    AttemptRow,
    ConnectionRow,
    LaneRow,
    LinkRow,
    MatchQuestionRow,
    RestoredLaneRow,
    SyncJobRow,
)
from tests.factories import NOW
from tests.models.outages import problem

CUSTOMER = Record(EntityType.CUSTOMER, "1")
INVOICES = [Record(EntityType.INVOICE, each) for each in "23"]
RECORDS = st.sampled_from([CUSTOMER, *INVOICES])
LEASE = timedelta(minutes=3)
RETRY = timedelta(minutes=2)
"""The delay that backoff proposes; an earlier attempt must have been asked for."""

ENDS = {
    JobEvent.SYNCED: Outcome.SYNCED,
    JobEvent.SKIPPED: Outcome.SKIPPED,
    JobEvent.REJECTED: Outcome.FAILED,
    JobEvent.FAILED: Outcome.FAILED,
    JobEvent.EXHAUSTED: Outcome.FAILED,
    JobEvent.DEPENDENCY_PENDING: Outcome.FAILED,
}
CONNECTION_ENDS: dict[JobEvent, ProblemType] = {
    JobEvent.FAILED: AlertType.OUTAGE,
    JobEvent.RATE_LIMITED: AlertType.RATE_LIMITED,
    JobEvent.MISCONFIGURED: AlertType.PAUSED,
}


@dataclass
class Worker:
    """A worker with a lease, the lease's end, and the records received since."""

    lease: Lease
    until: datetime
    unseen: set[Record] = field(default_factory=set)


@dataclass
class Known:
    """What must hold for a record's job, whatever the tables say.

    ``not_before`` is when it may be tried, None for not at all; ``maybe_sent`` says that a call may have taken
    effect that has not been verified.
    """

    not_before: datetime | None = None
    maybe_sent: bool = False
    owed: bool = False
    pending_since: datetime | None = None


class Lives(RuleBasedStateMachine):
    database: ClassVar[Database]
    connections: ClassVar[Connections]
    connection_id: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.known: dict[Record, Known] = defaultdict(Known)
        self.workers: list[Worker] = []
        self.before: dict[Record, SyncJobRow] = {}
        tables = AlertRow, AttemptRow, MatchQuestionRow, SyncJobRow, LaneRow, LinkRow, RestoredLaneRow
        with self.database.transaction() as session:
            allow_erasure(session, self.connection_id)  # actions on jobs are erased with them
            for table in tables:
                session.execute(delete(table))
            row = session.get_one(ConnectionRow, self.connection_id)
            row.paused_because, row.breaker_open_until, row.outage_since = "", None, None
            row.consecutive_failures, row.rate_limited_since = 0, None
            row.outage_alerted = row.rate_limit_alerted = row.pause_alerted = False

    # Incoming records.

    @rule(record=RECORDS)
    def receive(self, record: Record) -> None:
        before = self.state(record)
        enqueue(self.database, self.connection_id, [record], now=self.now)
        self.known[record].owed = True
        for worker in self.workers:
            worker.unseen.add(record)
        if before in {None, JobState.DONE, JobState.NEEDS_ATTENTION}:
            self.may_be_tried(record)

    # Actions of workers.

    @rule(lane=st.sampled_from([EntityType.CUSTOMER, EntityType.INVOICE]), limit=st.integers(1, 3))
    def acquire(self, lane: EntityType, limit: int) -> None:
        of_connection = self.connection()
        self.note_expired(lane)
        lease = leases.acquire(
            self.database, Lane(self.connection_id, lane), limit=limit, now=self.now, until=self.now + LEASE
        )
        if lease is None:
            return
        assert of_connection.is_available(self.now), "a job of an unavailable connection is tried"
        assert not [each for each in self.held() if each.lease.lane.entity_type is lane], (
            "two workers have the lane"
        )
        half_open = of_connection.breaker_open_until is not None
        assert not half_open or len(lease.jobs) == 1, "more than one probes"
        for job in lease.jobs:
            self.check_leased(job, probe_of=of_connection.breaker_open_until)
        self.workers.append(Worker(lease, self.now + LEASE))

    def check_leased(self, job: SyncJob, *, probe_of: datetime | None) -> None:
        known = self.known[job.record]
        before = self.before[job.record]
        assert job.outcome_unknown or not known.maybe_sent, (
            "a record that may have been sent is sent again unverified"
        )
        assert (job.failed_attempts, job.dependency) == (
            before.failed_attempts,
            Record(EntityType(before.dependency_type), before.dependency_id or "")
            if before.dependency_type
            else None,
        )
        probes = probe_of and before.state in {JobState.QUEUED, JobState.RETRYING}
        probes = probes and (before.completed_at is None or before.completed_at < (probe_of or self.now))
        assert known.not_before, f"{job.record} is tried though nothing asks for it"
        assert known.not_before <= self.now or probes, f"{job.record} is tried before its time"
        known.not_before = None

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), unknown=st.booleans())
    def complete(self, data: st.DataObject, unknown: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        worker = self.take(data)
        linked = links.find(self.database, self.connection_id, CUSTOMER)
        ends = [each for each in ENDS if each is not JobEvent.DEPENDENCY_PENDING]
        events = {
            job.id: data.draw(st.sampled_from(ends if linked or job.record == CUSTOMER else [*ENDS]))
            for job in worker.lease.jobs
        }
        waits = [
            Wait(job_id=job.id, record=CUSTOMER, repeated=job.dependency == CUSTOMER)
            for job in worker.lease.jobs
            if events[job.id] is JobEvent.DEPENDENCY_PENDING
        ]
        if waits and self.state(CUSTOMER) in {None, JobState.DONE}:
            self.may_be_tried(CUSTOMER)
        ended = dependencies.enqueue_dependencies(self.database, self.connection_id, waits, now=self.now)
        events |= dict.fromkeys(ended, JobEvent.DEPENDENCY_ENDED)
        self.end(worker, [self.result(job, events[job.id], unknown=unknown) for job in worker.lease.jobs])

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), event=st.sampled_from([*CONNECTION_ENDS]), asked=st.sampled_from([0, 7]))
    def meet_a_connection_problem(self, data: st.DataObject, event: JobEvent, asked: int) -> None:
        worker = self.take(data)
        first, *others = worker.lease.jobs
        wait = timedelta(minutes=asked) if asked else None
        met: ConnectionProblem = problem(CONNECTION_ENDS[event], retry_after=wait)
        probed = event is JobEvent.FAILED and worker.lease.probe_until
        tried = self.result(first, JobEvent.PROBED if probed else event, problem=met)
        self.end(worker, [tried, *map(self.untried, others)])

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        worker = self.take(data)
        self.end(worker, [*map(self.untried, worker.lease.jobs)])

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        try:
            leases.renew(self.database, worker.lease, until=self.now + LEASE)
            worker.until = self.now + LEASE
        except LeaseLostError:
            assert worker.until <= self.now, "a lease is lost before its time"
            self.workers.remove(worker)

    def untried(self, job: SyncJob) -> AttemptResult:
        return AttemptResult(job_id=job.id, event=JobEvent.UNTRIED, due_at=self.now + RETRY)

    def result(self, job: SyncJob, event: JobEvent, *, unknown: bool = False, **values: Any) -> AttemptResult:
        settled = event in {JobEvent.SYNCED, JobEvent.SKIPPED}
        waits = event in {JobEvent.DEPENDENCY_PENDING, JobEvent.DEPENDENCY_ENDED}
        asked = event is JobEvent.REJECTED and job.record == CUSTOMER
        if asked:
            with self.database.transaction() as session:
                questions.ask(session, job.id, [Candidate("10", "Nordlys AS")], now=self.now)
        if event is JobEvent.SYNCED:
            links.save(self.database, self.connection_id, job.record, Link(job.record.id, "", None), now=self.now)
        return AttemptResult(
            job_id=job.id,
            event=event,
            due_at=None if settled or event is JobEvent.MISCONFIGURED else self.now + RETRY,
            outcome_unknown=unknown and not settled,
            outcome=ENDS.get(event, Outcome.FAILED),
            dependency=CUSTOMER if waits else None,
            error_code=WHICH_CUSTOMER if asked else UNSEEN_DRAFT if event is JobEvent.EXHAUSTED else "",
            **values,
        )

    def end(self, worker: Worker, results: list[AttemptResult]) -> None:
        """Complete the jobs of a lease, and record what must hold for them and for those that they release."""
        before = self.rows()
        try:
            leases.complete(self.database, worker.lease, results, clock=lambda: self.now)
        except LeaseLostError:
            assert worker.until <= self.now, "a lease is lost before its time"
            return
        by_id = {job.id: job for job in worker.lease.jobs}
        for each in results:
            self.note(by_id[each.job_id], each, received=by_id[each.job_id].record in worker.unseen)
        self.note_released(before)

    def note(self, job: SyncJob, result: AttemptResult, *, received: bool) -> None:
        known, row = self.known[job.record], self.rows()[job.record]
        known.maybe_sent = result.event is not JobEvent.SYNCED and (job.outcome_unknown or result.outcome_unknown)
        if result.outcome is None:
            assert row.failed_attempts == job.failed_attempts, "an untried job counts an attempt"
            assert received or row.outcome_unknown == job.outcome_unknown, "an untried job has an unknown outcome"
            assert (row.dependency_type is None) == (job.dependency is None), (
                "an untried job has another dependency"
            )
            known.not_before = self.now + RETRY
            return
        if result.outcome in SUCCESSFUL and not received:
            known.owed = False
        if result.outcome in SUCCESSFUL:
            known.pending_since = None
        ended = result.state in {JobState.DONE, JobState.NEEDS_ATTENTION}
        known.not_before = None if ended else self.now if result.event is JobEvent.MISCONFIGURED else result.due_at
        if received and ended:
            self.may_be_tried(job.record, after=row)
        if result.event is JobEvent.PROBED:
            assert row.failed_attempts == job.failed_attempts, "a probe counts as an attempt"

    def note_released(self, before: dict[Record, SyncJobRow]) -> None:
        """Record jobs made due earlier: their dependency has ended, or an outage is over."""
        for record, row in self.rows().items():
            known = self.known[record]
            changed = record in before and row.due_at != before[record].due_at
            if row.due_at and known.not_before and changed and row.due_at < known.not_before:
                recovered = self.connection().breaker_open_until is None
                woken = before[record].dependency_type is not None
                assert recovered or woken, "nothing made it due"
                known.not_before = row.due_at
            elif row.due_at and known.not_before is None and row.state == JobState.QUEUED:
                assert before[record].dependency_type, "nothing woke it"
                known.not_before = row.due_at

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        """Kill a worker, perhaps after it has sent something."""
        worker = self.take(data)
        if worker.until > self.now:
            for job in worker.lease.jobs:
                self.known[job.record].maybe_sent = True

    def note_expired(self, entity_type: EntityType) -> None:
        """Record the jobs that the next lease of a lane takes over from a vanished worker."""
        with self.database.transaction() as session:
            lane = session.get(LaneRow, (self.connection_id, entity_type))
        if lane and lane.lease_expires_at and lane.lease_expires_at <= self.now:
            for record, row in self.rows().items():
                if record.entity_type is entity_type and row.state == JobState.RUNNING:
                    self.known[record].maybe_sent = True
                    soon = (
                        row.completed_at + VERIFICATION_DELAY if row.completed_at and row.outcome_unknown else NOW
                    )
                    self.known[record].not_before = max(self.now, soon)

    @rule()
    def sweep(self) -> None:
        before = self.rows()
        dependencies.wake_satisfied(self.database, now=self.now)
        self.note_released(before)
        reminders.queue_overdue(self.database, now=self.now)

    @rule(minutes=st.sampled_from([0.5, 1.5, 3, 6, 30, 26 * 60]))
    def wait(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    # Actions of people.

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from([*self.before]))
        done = job_actions.retry(self.database, self.only(record), actor="kari", now=self.now)
        self.act(record, done)

    @precondition(lambda self: self.all_in(JobState.DISMISSED))
    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(self.all_in(JobState.DISMISSED)))
        done = job_actions.reopen(self.database, self.only(record), actor="kari", now=self.now)
        self.known[record].maybe_sent |= bool(done.count)
        self.act(record, done)

    @rule(record=RECORDS)
    def resend(self, record: Record) -> None:
        self.known[record]
        done = discrepancies.resend(
            self.database, self.connection_id, record, name="it", actor="kari", now=self.now
        )
        self.known[record].maybe_sent |= bool(done.count)
        self.known[record].owed |= bool(done.count)
        self.act(record, done)

    @precondition(lambda self: self.all_in(JobState.NEEDS_ATTENTION, JobState.WAITING, JobState.RETRYING))
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        open_ = JobState.NEEDS_ATTENTION, JobState.WAITING, JobState.RETRYING
        record = data.draw(st.sampled_from(self.all_in(*open_)))
        before = self.rows()
        done = job_actions.dismiss(self.database, self.only(record), because="By hand", actor="kari", now=self.now)
        if done.count:
            self.known[record].not_before, self.known[record].owed = None, False
            self.note_released(before)

    @precondition(lambda self: CUSTOMER in self.all_in(JobState.NEEDS_ATTENTION))
    @rule()
    def answer(self) -> None:
        row = self.rows().get(CUSTOMER)
        if row:
            self.act(CUSTOMER, match_questions.answer(self.database, row.id, "10", actor="kari", now=self.now))

    @precondition(lambda self: self.connection().paused_because)
    @rule()
    def resume(self) -> None:
        if self.connection().paused_because:  # the person who resumes it knows; delays count from now on
            for known in self.known.values():
                known.pending_since = None
        self.connections.resume(self.connection_id, actor="kari", now=self.now, despite_failed_test=True)

    @rule()
    def restore(self) -> None:
        restore.mark_restored(
            self.database, connection_ids=[self.connection_id], since=None, actor="kari", now=self.now
        )
        for record, row in self.rows().items():
            if self.before[record].state == JobState.RUNNING:
                self.may_be_tried(record)
            self.known[record].maybe_sent |= row.state != JobState.DONE
        for worker in self.workers:
            worker.until = self.now  # its lease has ended

    def act(self, record: Record, done: ActionResult) -> None:
        """Record that a person has a record retried."""
        if done.count:
            row = self.rows()[record]
            self.may_be_tried(record)
            if not row.outcome_unknown:
                assert self.before[record].error_code == UNSEEN_DRAFT or not self.known[record].maybe_sent
                self.known[record].maybe_sent = False  # the person has looked for it
                self.known[record].not_before = self.now

    # Invariants.

    @invariant()
    def a_lane_has_one_worker(self) -> None:
        lanes = [each.lease.lane for each in self.held()]
        assert len(set(lanes)) == len(lanes)

    @invariant()
    def every_received_record_is_pending_or_left_to_a_person(self) -> None:
        open_ = {*PENDING, JobState.NEEDS_ATTENTION, JobState.DISMISSED}
        lost = [record for record, known in self.known.items() if known.owed and self.state(record) not in open_]
        assert lost == []

    @invariant()
    def every_job_is_due_or_running_or_alerted(self) -> None:
        for record, row in self.rows().items():
            match JobState(row.state):
                case JobState.QUEUED | JobState.WAITING | JobState.RETRYING:
                    assert row.due_at, f"{record} is never tried"
                    latest = self.now + max(RETRY, MAX_DELAY, VERIFICATION_DELAY)
                    assert row.due_at <= latest, f"{record} waits for too long"
                case JobState.NEEDS_ATTENTION:
                    assert row.alerted, f"no alert about {record}"
                case _:
                    pass
            self.before[record] = row

    @invariant()
    def nothing_waits_silently(self) -> None:
        connection = self.connection()
        reminders.queue_overdue(self.database, now=self.now)
        with self.database.transaction() as session:
            row = session.get_one(ConnectionRow, self.connection_id)
            alerted = connection.paused_because or row.outage_alerted or row.rate_limit_alerted
        for record, job in self.rows().items():
            known = self.known[record]
            pending = job.state in PENDING
            known.pending_since = (known.pending_since or self.now) if pending else None
            if known.pending_since and known.pending_since <= self.now - OVERDUE_AFTER:
                assert alerted or job.alerted, f"{record} waits silently"

    # Helpers.

    def may_be_tried(self, record: Record, *, after: SyncJobRow | None = None) -> None:
        """Record that a record may be tried: at once, or when a call under way must have ended."""
        row = after or self.before.get(record)
        called_at = row.completed_at if row and row.outcome_unknown else None
        self.known[record].not_before = max(self.now, called_at + VERIFICATION_DELAY) if called_at else self.now

    def all_in(self, *states: JobState) -> list[Record]:
        return [record for record, row in self.before.items() if row.state in states]

    def take(self, data: st.DataObject) -> Worker:
        worker: Worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        return worker

    def held(self) -> list[Worker]:
        return [each for each in self.workers if each.until > self.now]

    def connection(self) -> Connection:
        return self.connections.get(self.connection_id)

    def only(self, record: Record) -> JobFilter:
        row = self.rows().get(record)
        return JobFilter(ids=frozenset({row.id} if row else ()))

    def state(self, record: Record) -> JobState | None:
        row = self.rows().get(record)
        return JobState(row.state) if row else None

    def rows(self) -> dict[Record, SyncJobRow]:
        with self.database.transaction() as session:
            return {
                Record(EntityType(row.entity_type), row.record_id): row
                for row in session.scalars(select(SyncJobRow).order_by(SyncJobRow.id))
            }

    def teardown(self) -> None:
        """Once nothing fails any more, all pending jobs that do not need attention are completed."""
        self.connections.resume(self.connection_id, actor="kari", now=self.now, despite_failed_test=True)
        done: set[Record] = set()
        for _ in range(50):
            self.now += timedelta(minutes=5)
            for lane in due.lanes(self.database, now=self.now):
                lease = leases.acquire(self.database, lane, limit=2, now=self.now, until=self.now + LEASE)
                if lease:
                    results = [
                        AttemptResult(job_id=each.id, event=JobEvent.SYNCED, outcome=Outcome.SYNCED)
                        for each in lease.jobs
                    ]
                    leases.complete(self.database, lease, results, clock=lambda: self.now)
                    done |= {job.record for job in lease.jobs}
            if not due.lanes(self.database, now=self.now):
                break
        with_person = {JobState.NEEDS_ATTENTION, JobState.DISMISSED}
        owed = {record for record, known in self.known.items() if known.owed}
        assert {record for record in owed - done if self.state(record) not in with_person} == set()


@pytest.mark.slow
@pytest.mark.parametrize("examples", [6, pytest.param(20, marks=pytest.mark.thousands)])
def test_no_job_is_lost_duplicated_looped_or_forgotten(
    database: Database, connections: Connections, connection: Connection, examples: int
) -> None:
    checks = settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a failure smaller takes minutes
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    Lives.database, Lives.connections, Lives.connection_id = database, connections, connection.id
    run_state_machine_as_test(Lives, settings=checks)
