"""The polls of one connection; what goes wrong waits for the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from models.words import Kind, Lane
from sync import pacing, polling
from sync.errors import Misconfigured, SyncError
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.connections import Connection
    from sync.pacing import Round
    from sync.polling import Polled
    from worker.wiring import Bridge

log = structlog.get_logger()


def moment_due(bridge: Bridge) -> Mapping[int, timedelta]:
    """Tell the connections that are to ask Moment what has changed, and how often."""
    every = timedelta(seconds=bridge.settings.poll_seconds)
    return {connection.id: every for connection in bridge.connections.all() if connection.works(clock())}


def expenses_due(bridge: Bridge, *, every: float) -> Round:
    """Tell the connections that are to ask 24SevenOffice for costs, where that is asked so often, in seconds."""
    now, usage = clock(), bridge.budget.usage()
    if usage is None:
        return pacing.NOBODY
    return pacing.next_round(
        polling.rhythms(bridge.database, bridge.connections.all(), now=now),
        now=now,
        hourly=usage.polls_an_hour,
        free=usage.for_polls,
        every=timedelta(seconds=every),
    )


def poll_moment(bridge: Bridge, connection_id: int) -> set[Lane]:
    """Receive what has changed in Moment, and tell the lanes that have something to do.

    A kind that Moment does not list now does not keep the others from being polled.
    """
    connection = bridge.connections.get(connection_id)
    moment = bridge.moment(connection.settings)
    found: set[Lane] = set()
    for kind in sorted(connection.settings.kinds - {Kind.EXPENSE}):
        lane = Lane(connection_id, kind)
        try:
            polled = polling.poll_moment(bridge.database, moment, lane, now=clock())
        except SyncError as error:
            _failed(bridge, connection, error)
            continue
        _tell(lane, polled)
        if polled.received:
            found.add(lane)
    return found


def poll_expenses(bridge: Bridge, connection_id: int) -> set[Lane]:
    """Receive the vouchers with costs that have changed in 24SevenOffice; tells as :func:`poll_moment` does."""
    connection = bridge.connections.get(connection_id)
    lane, erp = Lane(connection_id, Kind.EXPENSE), bridge.kept_erp(connection).for_polls()
    try:
        if polling.poll_expenses(bridge.database, erp, lane, settings=connection.settings, now=clock()):
            return {lane}
    except SyncError as error:
        _failed(bridge, connection, error)
    return set()


def _tell(lane: Lane, polled: Polled) -> None:
    """Say how many changes no notification had told of, and every night also that it was none."""
    if polled.found or polled.nightly:
        log.info(
            "poll_found", connection=lane.connection_id, kind=lane.kind, found=polled.found, nightly=polled.nightly
        )


def _failed(bridge: Bridge, connection: Connection, error: SyncError) -> None:
    """Leave it to the next poll, unless nothing can work before a person has mended the settings."""
    log.warning("poll_failed", connection=connection.id, because=error.message)
    if isinstance(error, Misconfigured):
        bridge.runner.pause(connection, error)
