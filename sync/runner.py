"""Drains a lane, a batch at a time: claim, act with no transaction open, settle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from models import alerts, due, inbox, waiting
from models.inbox import ClaimLost
from models.words import Kind, Lane, Outcome
from sync import dependencies, resting
from sync.acting import act
from sync.alerting import pause_of
from sync.errors import Misconfigured, NotReady
from sync.flows.customers import Customers
from sync.flows.expenses import Expenses
from sync.flows.invoices import Invoices
from sync.flows.projects import Projects
from sync.leave import Leave, given
from sync.outcomes import Done, next_chance, postponed, settle
from sync.watching import Unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from models.base import Database
    from models.connections import Connection, Connections
    from models.inbox import Claim, Settlement
    from sync.acting import Flow
    from sync.desk import Desk
    from sync.errors import SyncError
    from sync.outcomes import Tried
    from sync.watching import Watch

log = structlog.get_logger()

FLOWS: Mapping[Kind, type[Customers | Projects | Invoices | Expenses]] = {
    Kind.CUSTOMER: Customers,
    Kind.PROJECT: Projects,
    Kind.INVOICE: Invoices,
    Kind.EXPENSE: Expenses,
}

UNWATCHED = Unwatched()


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes lanes through their stations.

    Args:
        database: where the inbox is.
        connections: to read a connection and to pause it.
        open_desk: gives a flow the two systems of a connection; the function renews the claim.
        clock: gives the present instant in UTC.
        ticks: counts seconds, also while the machine sleeps.
        dice: gives a number from 0 up to 1.
        claim_for: how long a claim holds without a word.
        watch: who looks on.
    """

    database: Database
    connections: Connections
    open_desk: Callable[[Connection, Callable[[], None]], Desk]
    clock: Callable[[], datetime]
    ticks: Callable[[], float]
    dice: Callable[[], float]
    claim_for: timedelta
    watch: Watch = UNWATCHED

    def drain(self, lane: Lane) -> set[Lane]:
        """Work one batch of a lane off, and tell which lanes have something to do after it."""
        flow = FLOWS[lane.kind]
        connection = self.connections.get(lane.connection_id)  # before the claim, should it not be readable
        leave, now = Leave(clock=self.clock, ticks=self.ticks, claim_for=self.claim_for), self.clock()
        claim = inbox.claim(self.database, lane, most=flow.batch, now=now, until=now + self.claim_for)
        if claim is None:
            return set()
        with self.watch.draining(claim), given(leave):
            try:
                return self._work_off(claim, flow, connection, leave)
            except ClaimLost:
                log.warning("claim_lost", connection=lane.connection_id, kind=lane.kind)
                return set()

    def pause(self, connection: Connection, error: Misconfigured) -> None:
        """Stop a connection whose settings are wrong, with one mail however many records met it."""
        if self.connections.pause(connection.id, error.message, now=self.clock(), told=True):
            log.warning("connection_paused", connection=connection.id, reason=error.reason)
            alerts.raise_alert(self.database, connection.id, pause_of(connection, error), now=self.clock())

    def _work_off(
        self, claim: Claim, flow: Callable[[Desk], Flow[Any]], connection: Connection, leave: Leave
    ) -> set[Lane]:
        desk = self.open_desk(connection, lambda: self._hold(claim, leave))
        with desk.reading_ahead(claim.lane, [change.record for change in claim.changes]):
            trying = partial(self.watch.trying, claim)
            tried, untried = act(
                flow(desk), claim.changes, clock=self.clock, hold=self._holding(claim, leave), trying=trying
            )
        tried |= dependencies.follow_up(self.database, claim, tried, now=self.clock())
        answers = {change_id: each.answer for change_id, each in tried.items()}
        for error in answers.values():
            if isinstance(error, Misconfigured):
                self.pause(connection, error)  # before the lane is free, or another worker would try it once more
        settlements = self._settlements(claim, tried, untried, connection)
        inbox.settle(self.database, claim, settlements, now=self.clock())
        self.watch.settled(claim, settlements, now=self.clock())
        _log(claim, settlements)
        resting.heed(self.database, connection, answers.values(), now=self.clock(), dice=self.dice)
        return self._next(claim, answers)

    def _hold(self, claim: Claim, leave: Leave) -> None:
        leave.renew()
        inbox.renew(self.database, claim, until=self.clock() + self.claim_for)

    def _holding(self, claim: Claim, leave: Leave) -> Callable[[], None]:
        """Make what keeps a claim while records are read: it renews it when a tenth of its time is over."""
        held = self.clock()

        def hold() -> None:
            nonlocal held
            if self.clock() - held >= self.claim_for / 10:
                self._hold(claim, leave)
                held = self.clock()

        return hold

    def _settlements(
        self,
        claim: Claim,
        tried: Mapping[int, Tried],
        untried: Mapping[int, SyncError],
        connection: Connection,
    ) -> Sequence[Settlement]:
        now, addresses = self.clock(), connection.settings.error_emails
        made = [
            settle(change, tried[change.id], now=now, dice=self.dice, addresses=addresses)
            for change in claim.changes
            if change.id in tried
        ]
        until = {error: next_chance(error, now=now, dice=self.dice) for error in set(untried.values())}
        rest = (change for change in claim.changes if change.id in untried)
        return made + [postponed(change, until=until[untried[change.id]]) for change in rest]

    def _next(self, claim: Claim, answers: Mapping[int, Done | Exception]) -> set[Lane]:
        """Wake what waited for records that came across or never will, and tell the lanes to nudge."""
        lane, records = claim.lane, {change.id: change.record for change in claim.changes}
        done = {records[i]: answer.outcome for i, answer in answers.items() if isinstance(answer, Done)}
        woken = waiting.wake(self.database, lane.connection_id, done.keys(), now=self.clock())
        skipped = [record for record, outcome in done.items() if outcome is Outcome.SKIPPED]
        woken |= waiting.end_wait(self.database, lane.connection_id, skipped, now=self.clock())
        awaited = [answer.waits_for for answer in answers.values() if isinstance(answer, NotReady)]
        more = {lane} if due.in_lane(self.database, lane, now=self.clock()) else set()
        return more | woken | {Lane(lane.connection_id, record.kind) for record in awaited}


def _log(claim: Claim, settlements: Sequence[Settlement]) -> None:
    records = {change.id: change.record.id for change in claim.changes}
    for settlement in settlements:
        if settlement.outcome:
            log.info(
                "attempt",
                connection=claim.lane.connection_id,
                kind=claim.lane.kind,
                record=records[settlement.change_id],
                change=settlement.change_id,
                outcome=settlement.outcome,
                **({"reason": settlement.reason} if settlement.reason else {}),
            )
