"""The pace of a backfill: a few changes at a time, so that no event waits behind it, and spare requests only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click
import structlog

from models import due
from sync.backfill import Backfill
from sync.desk import Desk
from sync.errors import Unavailable
from worker import dispatch
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from models.connections import Connection
    from models.words import Lane, Record
    from worker.wiring import Bridge

log = structlog.get_logger()
T = TypeVar("T")

FEW = 20
"""Changes that are put into the inbox at a time, while fewer are due: no event waits behind twice as many."""

LOOK_SECONDS = 0.2
"""How soon it is looked again whether there is room for more."""

PATIENCE_SECONDS = 30
"""How soon a system that does not answer is asked again, unless it says when."""


def backfill_of(bridge: Bridge, connection: Connection, *, first: date, last: date) -> Backfill:
    """Make the backfill of a period; what it asks 24SevenOffice itself counts as polls do."""
    moment, erp = bridge.moment(connection.settings), bridge.kept_erp(connection).for_polls()
    desk = Desk(connection, bridge.database, moment=moment, erp=erp, clock=clock, hold=lambda: None)
    return Backfill(desk, first, last)


def bring(
    bridge: Bridge,
    backfill: Backfill,
    lane: Lane,
    records: Sequence[Record],
    *,
    sleep: Callable[[float], None],
    tell: Callable[[int], object],
) -> None:
    """Put a lane's records into the inbox as fast as workers bring them over, and wait until none of them is due.

    ``tell`` hears of how many more there were. Raises ClickException where the connection is paused.
    """
    for start in range(0, len(records), FEW):
        some = records[start : start + FEW]
        while not has_room(bridge, lane):
            sleep(LOOK_SECONDS)
        patiently(partial(backfill.put, lane.kind, some), sleep=sleep)
        dispatch.nudge([lane])
        tell(len(some))
    while due.count(bridge.database, lane, now=clock()):
        _works(bridge, lane)
        sleep(LOOK_SECONDS)


def has_room(bridge: Bridge, lane: Lane) -> bool:
    """Tell whether a lane may have more now: few changes are due, the connection works, and requests are to spare.

    To spare are those beyond the reserve for events, also where that has been used: what is brought over counts as
    events do. Raises ClickException where the connection is paused.
    """
    return _works(bridge, lane) and due.count(bridge.database, lane, now=clock()) < FEW and to_spare(bridge)


def to_spare(bridge: Bridge) -> bool:
    """Tell whether there are requests to 24SevenOffice beyond the reserve for events; not where Redis is away."""
    usage = bridge.budget.usage()
    if usage is None or not usage.for_polls:
        return False
    return usage.left > usage.allowed * bridge.settings.twentyfour_reserve_percent // 100


def patiently(ask: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Ask until there is an answer: a system that is away, and requests that are used up, come back."""
    while True:
        try:
            return ask()
        except Unavailable as error:
            seconds = error.retry_after.total_seconds() if error.retry_after else PATIENCE_SECONDS
            log.warning("backfill_waits", because=error.message, seconds=seconds)
            sleep(seconds)


def _works(bridge: Bridge, lane: Lane) -> bool:
    connection = bridge.connections.get(lane.connection_id)
    if connection.paused_because:
        raise click.ClickException(f"The connection is paused: {connection.paused_because}")
    return connection.works(clock())
