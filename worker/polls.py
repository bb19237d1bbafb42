"""The polls of one connection; what goes wrong waits for the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from models.words import Kind, Lane
from sync import polling
from sync.errors import SyncError
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.wiring import Bridge

log = structlog.get_logger()


def poll_moment(bridge: Bridge, connection_id: int) -> set[Lane]:
    """Receive what has changed in Moment, and tell the lanes that have something to do."""
    connection = bridge.connections.get(connection_id)
    moment = bridge.moment(connection.settings)
    found: set[Lane] = set()
    try:
        for kind in sorted(connection.settings.kinds - {Kind.EXPENSE}):
            lane = Lane(connection_id, kind)
            if polling.poll_moment(bridge.database, moment, lane, now=clock()):
                found.add(lane)
    except SyncError as error:
        log.warning("poll_failed", connection=connection_id, because=error.message)
    return found


def poll_expenses(bridge: Bridge, connection_id: int) -> set[Lane]:
    """Receive the vouchers with costs that have changed in 24SevenOffice; tells as :func:`poll_moment` does."""
    connection = bridge.connections.get(connection_id)
    lane, erp = Lane(connection_id, Kind.EXPENSE), bridge.kept_erp(connection)
    try:
        if polling.poll_expenses(bridge.database, erp, lane, settings=connection.settings, now=clock()):
            return {lane}
    except SyncError as error:
        log.warning("poll_failed", connection=connection_id, because=error.message)
    return set()


def expenses_due(bridge: Bridge) -> Iterator[int]:
    """Tell the connections that work and whose own interval between two looks for expenses has passed."""
    for connection in bridge.connections.all():
        lane, settings = Lane(connection.id, Kind.EXPENSE), connection.settings
        looks = lane.kind in settings.kinds and not connection.paused_because
        if looks and polling.expenses_due(bridge.database, lane, settings=settings, now=clock()):
            yield connection.id
