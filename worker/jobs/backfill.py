"""The pace of a backfill: a few changes at a time, so that no event waits behind it, and spare requests only."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import TypeVar

import click
import structlog

from models.connections.repository import Connection
from models.enums import Lane, Record
from models.inbox import due
from sync.engine.context import SyncContext
from sync.errors import UnavailableError
from sync.onboarding.backfill import Backfill
from worker import dispatch
from worker.container import Container

log = structlog.get_logger()
T = TypeVar("T")

BATCH_SIZE = 20
"""Changes that are put into the inbox at a time, while fewer are due: no event waits behind twice as many."""

POLL_SECONDS = 0.2
"""How soon it is looked again whether there is room for more."""

RETRY_SECONDS = 30
"""How soon a system that does not answer is asked again, unless it says when."""


def backfill_of(container: Container, connection: Connection, *, first: date, last: date) -> Backfill:
    """Make the backfill of a period; what it asks 24SevenOffice itself counts as polls do."""
    moment, erp = container.moment(connection.settings), container.cached_erp(connection).for_polls()
    context = SyncContext(
        connection, container.database, moment=moment, erp=erp, clock=container.clock, renew_lease=lambda: None
    )
    return Backfill(context, first, last)


def run(
    container: Container,
    backfill: Backfill,
    lane: Lane,
    records: Sequence[Record],
    *,
    sleep: Callable[[float], None],
    report: Callable[[int], object],
) -> None:
    """Put a lane's records into the inbox as fast as workers bring them over, and wait until none of them is due.

    ``report`` hears of how many more there were. Raises ClickException where the connection is paused.
    """
    for start in range(0, len(records), BATCH_SIZE):
        some = records[start : start + BATCH_SIZE]
        while not has_room(container, lane):
            sleep(POLL_SECONDS)
        retrying(partial(backfill.enqueue, lane.entity_type, some), sleep=sleep)
        dispatch.dispatch_lanes([lane])
        report(len(some))
    while due.count(container.database, lane, now=container.clock()):
        _is_available(container, lane)
        sleep(POLL_SECONDS)


def has_room(container: Container, lane: Lane) -> bool:
    """Tell whether a lane may have more now: few changes are due, the connection works, and requests are to spare.

    To spare are those beyond the reserve for events, also where that has been used: what is brought over counts as
    events do. Raises ClickException where the connection is paused.
    """
    return (
        _is_available(container, lane)
        and due.count(container.database, lane, now=container.clock()) < BATCH_SIZE
        and has_spare_requests(container)
    )


def has_spare_requests(container: Container) -> bool:
    """Tell whether there are requests to 24SevenOffice beyond the reserve for events; not where Redis is away."""
    usage = container.budget.usage()
    if usage is None or not usage.available_for_polls:
        return False
    return usage.remaining > usage.allowed * container.settings.twentyfour_reserve_percent // 100


def retrying(ask: Callable[[], T], *, sleep: Callable[[float], None]) -> T:
    """Ask until there is an answer: a system that is away, and requests that are used up, come back."""
    while True:
        try:
            return ask()
        except UnavailableError as error:
            seconds = error.retry_after.total_seconds() if error.retry_after else RETRY_SECONDS
            log.warning("backfill_paused", because=error.message, seconds=seconds)
            sleep(seconds)


def _is_available(container: Container, lane: Lane) -> bool:
    connection = container.connections.get(lane.connection_id)
    if connection.paused_because:
        raise click.ClickException(f"The connection is paused: {connection.paused_because}")
    return connection.is_available(container.clock())
