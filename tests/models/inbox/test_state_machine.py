"""The inbox as a state machine: in any order of events, no change is lost and none runs twice at once."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from models.connections.repository import Connection
from models.database import Database
from models.enums import PENDING, EntityType, Lane, Outcome, Record
from models.inbox import due, leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult, Lease, LeaseLostError
from models.inbox.transitions import Event
from models.schema.tables import AttemptRow, LaneRow, SyncJobRow
from tests.factories import NOW

RECORDS = st.sets(st.sampled_from("ab"), min_size=1)
LEASE = timedelta(minutes=1)


@dataclass
class Worker:
    """A worker with a lease that it believes to hold; ``unseen`` are its records received since."""

    lease: Lease
    until: Any
    unseen: set[str] = field(default_factory=set)

    @property
    def records(self) -> set[str]:
        return {job.record.id for job in self.lease.jobs}


class Inbox(RuleBasedStateMachine):
    database: ClassVar[Database]
    lane: ClassVar[Lane]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.owed: set[str] = set()  # received, and not completed successfully by a worker that saw it
        self.workers: list[Worker] = []
        with self.database.transaction() as session:
            for table in (AttemptRow, SyncJobRow, LaneRow):
                session.execute(delete(table))

    @rule(records=RECORDS)
    def receive(self, records: set[str]) -> None:
        enqueue(
            self.database,
            self.lane.connection_id,
            [Record(self.lane.entity_type, each) for each in records],
            now=self.now,
        )
        self.owed |= records
        for worker in self.workers:
            worker.unseen |= records & worker.records

    @rule(limit=st.integers(1, 3))
    def acquire(self, limit: int) -> None:
        lease = leases.acquire(self.database, self.lane, limit=limit, now=self.now, until=self.now + LEASE)
        if lease:
            assert not [worker for worker in self.workers if worker.until > self.now], "two hold the lane"
            self.workers.append(Worker(lease, self.now + LEASE))

    @precondition(lambda self: self.workers)
    @rule(well=st.booleans(), data=st.data())
    def complete(self, well: bool, data: st.DataObject) -> None:  # noqa: FBT001 - hypothesis gives it by name
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        event, outcome = (Event.SYNCED, Outcome.SYNCED) if well else (Event.FAILED, Outcome.FAILED)
        due_at = None if well else self.now
        results = [
            AttemptResult(job_id=each.id, event=event, due_at=due_at, outcome=outcome)
            for each in worker.lease.jobs
        ]
        try:
            leases.complete(self.database, worker.lease, results, clock=lambda: self.now)
        except LeaseLostError:
            assert worker.until <= self.now, "a claim was lost before its time"
            return
        if well:
            self.owed -= worker.records - worker.unseen

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        untouched = [
            AttemptResult(job_id=each.id, event=Event.UNTRIED, due_at=self.now) for each in worker.lease.jobs
        ]
        try:
            leases.complete(self.database, worker.lease, untouched, clock=lambda: self.now)
        except LeaseLostError:
            assert worker.until <= self.now

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        try:
            leases.renew(self.database, worker.lease, until=self.now + LEASE)
            worker.until = self.now + LEASE
        except LeaseLostError:
            assert worker.until <= self.now
            self.workers.remove(worker)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        self.workers.remove(data.draw(st.sampled_from(self.workers)))

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def one_worker_holds_the_lane(self) -> None:
        assert len([worker for worker in self.workers if worker.until > self.now]) <= 1

    @invariant()
    def what_is_owed_waits_or_is_in_hand(self) -> None:
        """A record that no worker has seen since it was received stays in the inbox."""
        with self.database.statement() as connection:
            open_ = set(connection.scalars(select(SyncJobRow.record_id).where(SyncJobRow.state.in_(PENDING))))
        assert self.owed <= open_, f"lost: {self.owed - open_}"

    def teardown(self) -> None:
        """When things are calm again, everything that is owed is completed."""
        self.now += 2 * LEASE
        worked_off: set[str] = set()
        while due.lanes(self.database, now=self.now):
            lease = leases.acquire(self.database, self.lane, limit=2, now=self.now, until=self.now + LEASE)
            assert lease
            done = [
                AttemptResult(job_id=each.id, event=Event.SYNCED, outcome=Outcome.SYNCED) for each in lease.jobs
            ]
            leases.complete(self.database, lease, done, clock=lambda: self.now)
            worked_off |= {job.record.id for job in lease.jobs}
        assert self.owed <= worked_off, f"lost: {self.owed - worked_off}"


@pytest.mark.slow
@pytest.mark.parametrize("examples", [30, pytest.param(60, marks=pytest.mark.thousands)])
def test_no_job_is_ever_lost_or_leased_twice(database: Database, connection: Connection, examples: int) -> None:
    checks = settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a failure smaller takes minutes
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    Inbox.database, Inbox.lane = database, Lane(connection.id, EntityType.INVOICE)
    run_state_machine_as_test(Inbox, settings=checks)
