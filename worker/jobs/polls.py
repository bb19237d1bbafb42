"""The polls of one connection; what goes wrong waits for the next one."""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from models.connections.repository import Connection
from models.enums import EntityType, Lane
from sync.errors import MisconfiguredError, SyncError
from sync.polling import polls, schedule
from sync.polling.schedule import PollRound
from worker.container import Container

log = structlog.get_logger()


def moment_due(container: Container) -> Mapping[int, timedelta]:
    every = timedelta(seconds=container.settings.poll_seconds)
    return {
        connection.id: every
        for connection in container.connections.all()
        if connection.is_available(container.clock())
    }


def expenses_due(container: Container, *, every: float) -> PollRound:
    """Tell the connections that are to ask 24SevenOffice for costs, where that is asked so often, in seconds."""
    now, usage = container.clock(), container.budget.usage()
    if usage is None:
        return schedule.NO_POLLS
    return schedule.next_round(
        polls.poll_states(container.database, container.connections.all(), now=now),
        now=now,
        hourly=usage.polls_per_hour,
        free=usage.available_for_polls,
        every=timedelta(seconds=every),
    )


def poll_moment(container: Container, connection_id: int) -> set[Lane]:
    """Enqueue what has changed in Moment, and return the lanes that have something to do.

    An entity type that Moment does not list now does not keep the others from being polled.
    """
    connection = container.connections.get(connection_id)
    moment = container.moment(connection.settings)
    found: set[Lane] = set()
    for entity_type in sorted(connection.settings.entity_types - {EntityType.EXPENSE}):
        lane = Lane(connection_id, entity_type)
        try:
            polled = polls.poll_moment(container.database, moment, lane, now=container.clock())
        except SyncError as error:
            _failed(container, connection, error)
            continue
        if polled.missed or polled.nightly:  # every night also that it was none
            log.info(
                "missed_webhooks",
                connection=connection_id,
                entity_type=entity_type,
                found=polled.missed,
                nightly=polled.nightly,
            )
        if polled.received:
            found.add(lane)
    return found


def poll_expenses(container: Container, connection_id: int) -> set[Lane]:
    """Receive the vouchers with costs that have changed in 24SevenOffice; tells as :func:`poll_moment` does."""
    connection = container.connections.get(connection_id)
    lane, erp = Lane(connection_id, EntityType.EXPENSE), container.cached_erp(connection).for_polls()
    try:
        if polls.poll_expenses(container.database, erp, lane, settings=connection.settings, now=container.clock()):
            return {lane}
    except SyncError as error:
        _failed(container, connection, error)
    return set()


def _failed(container: Container, connection: Connection, error: SyncError) -> None:
    """Leave it to the next poll, unless nothing can work before a person has corrected the settings."""
    log.warning("poll_failed", connection=connection.id, because=error.message)
    if isinstance(error, MisconfiguredError):
        container.runner.pause(connection, error)
