"""Everything that writes at once at the same few records: none may wait for another that waits for it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from models import breaker, changes, due, inbox, links, waiting
from models.alerts import Alert, Turn
from models.inbox import ClaimLost, Settlement
from models.links import Link
from models.wanted import Wanted
from models.words import Kind, Lane, Outcome, Record, State
from tests.factories import settings
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.base import Database
    from models.connections import Connections
    from models.inbox import Change

KINDS = (Kind.CUSTOMER, Kind.PROJECT)
TIMES = 12
CONNECTIONS = 6
ALERT = Alert(Turn.WORSE, "Kari AS", "It was refused.", "Mend it.", ("books@example.com",))


@pytest.mark.slow
def test_nothing_that_writes_to_the_inbox_waits_in_a_circle(database: Database, connections: Connections) -> None:
    dice = random.Random(1)  # noqa: S311 - the same dice each time
    for number in range(CONNECTIONS):  # each has its first claims, tallies and links, which are made only once
        connection, _ = connections.add(f"Firm {number}", settings(), who="test", now=clock())
        notify = partial(notified, database, connection.id, dice)
        run_at_once(notify, times=3)
        run_at_once(
            notify,
            partial(polled, database, connection.id, dice),
            *[partial(worked_off, database, Lane(connection.id, kind), dice) for kind in KINDS * 2],
            partial(swept, database),
            partial(pressed, database),
            times=TIMES,
        )


def run_at_once(*deeds: Callable[[], None], times: int) -> None:
    """Do each so many times beside the others; raises what any of them raised."""

    def repeated(deed: Callable[[], None]) -> None:
        for _ in range(times):
            deed()

    with ThreadPoolExecutor(len(deeds)) as threads:
        list(threads.map(repeated, deeds))


def some(dice: random.Random, kind: Kind) -> Record:
    return Record(kind, str(dice.randint(1, 6)))


def notified(database: Database, connection_id: int, dice: random.Random) -> None:
    inbox.receive(database, connection_id, [some(dice, dice.choice(KINDS))], now=clock())


def polled(database: Database, connection_id: int, dice: random.Random) -> None:
    records = [some(dice, kind) for kind in KINDS for _ in range(4)]
    inbox.receive(database, connection_id, records, now=clock())


def swept(database: Database) -> None:
    waiting.wake_arrived(database, now=clock())
    due.lanes(database, now=clock())


def pressed(database: Database) -> None:
    changes.retry(database, Wanted(), who="Kari", now=clock())


def worked_off(database: Database, lane: Lane, dice: random.Random) -> None:
    now = clock()
    claim = inbox.claim(database, lane, most=10, now=now, until=now + timedelta(seconds=6))
    if claim is None:
        return
    other = KINDS[lane.kind is KINDS[0]]
    inbox.need(database, lane.connection_id, [some(dice, other)], now=clock())
    try:
        settlements = [settled(database, lane, change, some(dice, other), dice) for change in claim.changes]
        dice.shuffle(settlements)
        inbox.settle(database, claim, settlements, now=clock())
    except ClaimLost:
        return
    waiting.wake(database, lane.connection_id, [change.record for change in claim.changes], now=clock())
    if dice.random() < 0.5:
        breaker.failed(database, lane.connection_id, now=clock(), rest=lambda _: timedelta(), tell=lambda _: ALERT)
    else:
        breaker.answered(database, lane.connection_id, now=clock(), alert=ALERT)


def settled(database: Database, lane: Lane, change: Change, other: Record, dice: random.Random) -> Settlement:
    if dice.random() < 0.5:
        link = Link(f"{change.record.kind} {change.record.id}")
        links.save(database, lane.connection_id, change.record, link, now=clock())
        return Settlement(change.id, State.SETTLED, clock(), outcome=Outcome.SYNCED, title="Kari AS")
    awaited = other if dice.random() < 0.5 else None
    return Settlement(
        change.id, State.WAITING, clock(), outcome=Outcome.FAILED, title="Kari AS", waits_for=awaited, alert=ALERT
    )
