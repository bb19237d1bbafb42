"""Drains a lane, a batch at a time: claim, act with no transaction open, settle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from models import alerts, inbox, links
from models.base import DatabaseUnavailable
from models.inbox import ClaimLost
from models.words import Kind, Lane
from sync import resting
from sync.alerting import pause_of
from sync.errors import Misconfigured, NotReady, Rejected, SyncError, Unavailable
from sync.flows.customers import Customers
from sync.flows.expenses import Expenses
from sync.flows.invoices import Invoices
from sync.flows.projects import Projects
from sync.outcomes import Done, postponed, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from models.base import Database
    from models.connections import Connection, Connections
    from models.inbox import Change, Claim, Settlement
    from sync.desk import Desk

log = structlog.get_logger()

MOST_LOST = 3
"""Workers that may vanish over one record before it is set aside, for it may be what kills them."""

_OURS = (ClaimLost, DatabaseUnavailable)
"""Not about the record: nothing can be settled, so the claim runs out and the changes are looked at again."""

W = TypeVar("W", bound="Work")


class Work(Protocol):
    """What a flow has prepared for sending."""

    @property
    def change(self) -> Change:
        """The change that it is about."""
        ...


class Flow(Protocol[W]):
    """What is done for one kind of record; safe to run twice over the same change."""

    batch: int

    def prepare(self, change: Change) -> W | Done:
        """Read the record and see what is to be sent; raises ``SyncError``."""
        ...

    def send(self, works: Sequence[W]) -> Sequence[Done | SyncError]:
        """Send what was prepared: an answer for each in the same order, or a ``SyncError`` for them all."""
        ...


FLOWS: Mapping[Kind, type[Customers | Projects | Invoices | Expenses]] = {
    Kind.CUSTOMER: Customers,
    Kind.PROJECT: Projects,
    Kind.INVOICE: Invoices,
    Kind.EXPENSE: Expenses,
}


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes lanes through their stations.

    Args:
        database: where the inbox is.
        connections: to read a connection and to pause it.
        open_desk: gives a flow the two systems of a connection; the function renews the claim.
        clock: gives the present instant in UTC.
        dice: gives a number from 0 up to 1.
        claim_for: how long a claim holds without a word.
    """

    database: Database
    connections: Connections
    open_desk: Callable[[Connection, Callable[[], None]], Desk]
    clock: Callable[[], datetime]
    dice: Callable[[], float]
    claim_for: timedelta

    def drain(self, lane: Lane) -> set[Lane]:
        """Work one batch of a lane off, and tell which lanes have something to do after it."""
        flow = FLOWS[lane.kind]
        now = self.clock()
        claim = inbox.claim(self.database, lane, most=flow.batch, now=now, until=now + self.claim_for)
        if claim is None:
            return set()
        try:
            return self._work_off(claim, flow)
        except ClaimLost:
            log.warning("claim_lost", connection=lane.connection_id, kind=lane.kind)
            return set()

    def _work_off(self, claim: Claim, flow: Callable[[Desk], Flow[Any]]) -> set[Lane]:
        connection = self.connections.get(claim.lane.connection_id)
        desk = self.open_desk(connection, lambda: self._hold(claim))
        began = self.clock()
        answers = act(flow(desk), claim.changes)
        seconds = (self.clock() - began).total_seconds() / max(1, len(answers))
        settlements = self._settlements(claim, answers, connection, seconds=seconds)
        inbox.settle(self.database, claim, settlements, now=self.clock())
        _log(claim, settlements)
        self._pause(connection, answers.values())
        resting.heed(self.database, connection, answers.values(), now=self.clock(), dice=self.dice)
        return self._next(claim, answers)

    def _hold(self, claim: Claim) -> None:
        inbox.renew(self.database, claim, until=self.clock() + self.claim_for)

    def _settlements(
        self, claim: Claim, answers: Mapping[int, Done | Exception], connection: Connection, *, seconds: float
    ) -> Sequence[Settlement]:
        now, addresses = self.clock(), connection.settings.error_emails
        tried = [
            replace(settle(c, answers[c.id], now=now, dice=self.dice, addresses=addresses), seconds=seconds)
            for c in claim.changes
            if c.id in answers
        ]
        until = max((settlement.due_at for settlement in tried), default=now)
        return tried + [postponed(c, until=until) for c in claim.changes if c.id not in answers]

    def _pause(self, connection: Connection, answers: Iterable[Done | Exception]) -> None:
        """Stop a connection whose settings are wrong, with one mail however many records met it."""
        error = next((answer for answer in answers if isinstance(answer, Misconfigured)), None)
        if error and self.connections.pause(connection.id, error.message, now=self.clock()):
            log.warning("connection_paused", connection=connection.id, reason=error.reason)
            alerts.raise_alert(self.database, connection.id, pause_of(connection, error), now=self.clock())

    def _next(self, claim: Claim, answers: Mapping[int, Done | Exception]) -> set[Lane]:
        """Wake what waited for records that came across, and tell the lanes to nudge."""
        lane, records = claim.lane, {change.id: change.record for change in claim.changes}
        across = [records[i] for i, answer in answers.items() if isinstance(answer, Done)]
        awaited = [answer.waits_for for answer in answers.values() if isinstance(answer, NotReady)]
        arrived = [r for r in awaited if links.find(self.database, lane.connection_id, r)]  # while we settled
        woken = inbox.wake(self.database, lane.connection_id, [*across, *arrived], now=self.clock())
        return {lane, *woken, *(Lane(lane.connection_id, record.kind) for record in awaited)}


def act(flow: Flow[Any], changes: Sequence[Change]) -> dict[int, Done | Exception]:
    """Prepare each change and send what is ready; a change without an answer was not attempted.

    Once a system is unavailable or refuses the connection, no further record is tried on it.
    """
    answers: dict[int, Done | Exception] = {}
    ready: list[Work] = []
    for change in changes:
        answer = _prepare(flow, change)
        if not isinstance(answer, Done | Exception):
            ready.append(answer)
            continue
        answers[change.id] = answer
        if isinstance(answer, Unavailable | Misconfigured):
            break
    return answers | _send(flow, ready)


def _prepare(flow: Flow[Any], change: Change) -> Any:  # noqa: ANN401 (the flow's own kind of work)
    if change.lost >= MOST_LOST:
        return Rejected(
            f"The bridge broke down {change.lost} times while it had this record in hand.",
            reason="poison",
            remedy="Please pass this mail on to whoever runs the bridge.",
        )
    try:
        return flow.prepare(change)
    except _OURS:
        raise
    except SyncError as error:
        return error
    except Exception as error:
        log.exception("flow_crashed", kind=change.record.kind, record=change.record.id)
        return error


def _send(flow: Flow[Any], ready: Sequence[Work]) -> dict[int, Done | Exception]:
    if not ready:
        return {}
    answers: Sequence[Done | Exception]
    try:
        answers = flow.send(ready)
    except _OURS:
        raise
    except SyncError as error:
        answers = [error] * len(ready)
    except Exception as error:
        log.exception("flow_crashed", records=[work.change.record.id for work in ready])
        answers = [error] * len(ready)
    return {work.change.id: answer for work, answer in zip(ready, answers, strict=True)}


def _log(claim: Claim, settlements: Sequence[Settlement]) -> None:
    records = {change.id: change.record.id for change in claim.changes}
    for settlement in settlements:
        if settlement.outcome:
            log.info(
                "attempt",
                connection=claim.lane.connection_id,
                kind=claim.lane.kind,
                record=records[settlement.change_id],
                outcome=settlement.outcome,
                reason=settlement.reason or None,
            )
