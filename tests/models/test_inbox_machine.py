"""The inbox as a state machine: whatever comes in whatever order, no change is lost and none is in two hands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from models import due, inbox
from models.inbox import Claim, ClaimLost, Settlement
from models.tables import AttemptRow, ChangeRow, LaneRow
from models.words import Kind, Lane, Outcome, Record, State
from tests.factories import NOW

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection

RECORDS = st.sets(st.sampled_from("ab"), min_size=1)
LEASE = timedelta(minutes=1)
OPEN = (State.WAITING, State.WORKING)


@dataclass
class Worker:
    """A worker with a claim, which it believes to hold; ``unseen`` came in for its records since."""

    claim: Claim
    until: Any
    unseen: set[str] = field(default_factory=set)

    @property
    def records(self) -> set[str]:
        return {change.record.id for change in self.claim.changes}


class Inbox(RuleBasedStateMachine):
    database: ClassVar[Database]
    lane: ClassVar[Lane]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.owed: set[str] = set()  # received, and not well settled by anyone who saw it
        self.workers: list[Worker] = []
        with self.database.transaction() as session:
            for table in (AttemptRow, ChangeRow, LaneRow):
                session.execute(delete(table))

    @rule(records=RECORDS)
    def receive(self, records: set[str]) -> None:
        inbox.receive(
            self.database,
            self.lane.connection_id,
            [Record(self.lane.kind, each) for each in records],
            now=self.now,
        )
        self.owed |= records
        for worker in self.workers:
            worker.unseen |= records & worker.records

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        claim = inbox.claim(self.database, self.lane, most=most, now=self.now, until=self.now + LEASE)
        if claim:
            assert not [worker for worker in self.workers if worker.until > self.now], "two hold the lane"
            self.workers.append(Worker(claim, self.now + LEASE))

    @precondition(lambda self: self.workers)
    @rule(well=st.booleans(), data=st.data())
    def settle(self, well: bool, data: st.DataObject) -> None:  # noqa: FBT001 - hypothesis gives it by name
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        state, outcome = (State.SETTLED, Outcome.SYNCED) if well else (State.WAITING, Outcome.FAILED)
        settlements = [
            Settlement(each.id, state, due_at=self.now, outcome=outcome) for each in worker.claim.changes
        ]
        try:
            inbox.settle(self.database, worker.claim, settlements, now=self.now)
        except ClaimLost:
            assert worker.until <= self.now, "a claim was lost before its time"
            return
        if well:
            self.owed -= worker.records - worker.unseen

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        untouched = [Settlement(each.id, State.WAITING, due_at=self.now) for each in worker.claim.changes]
        try:
            inbox.settle(self.database, worker.claim, untouched, now=self.now)
        except ClaimLost:
            assert worker.until <= self.now

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.workers))
        try:
            inbox.renew(self.database, worker.claim, until=self.now + LEASE)
            worker.until = self.now + LEASE
        except ClaimLost:
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
        """A record that nobody saw since it was received stays on the list."""
        with self.database.statement() as connection:
            open_ = set(connection.scalars(select(ChangeRow.record_id).where(ChangeRow.state.in_(OPEN))))
        assert self.owed <= open_, f"lost: {self.owed - open_}"

    def teardown(self) -> None:
        """When calm returns, everything that is owed is worked off."""
        self.now += 2 * LEASE
        worked_off: set[str] = set()
        while due.lanes(self.database, now=self.now):
            claim = inbox.claim(self.database, self.lane, most=2, now=self.now, until=self.now + LEASE)
            assert claim
            done = [
                Settlement(each.id, State.SETTLED, due_at=self.now, outcome=Outcome.SYNCED)
                for each in claim.changes
            ]
            inbox.settle(self.database, claim, done, now=self.now)
            worked_off |= {change.record.id for change in claim.changes}
        assert self.owed <= worked_off, f"lost: {self.owed - worked_off}"


@pytest.mark.slow
def test_no_change_is_ever_lost_or_in_two_hands(database: Database, connection: Connection) -> None:
    checks = settings(
        max_examples=60,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a failure smaller takes minutes
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    Inbox.database, Inbox.lane = database, Lane(connection.id, Kind.INVOICE)
    run_state_machine_as_test(Inbox, settings=checks)
