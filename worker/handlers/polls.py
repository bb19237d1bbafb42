"""The polls of one connection; after an error, the next poll tries again."""

from collections.abc import Collection, Mapping
from datetime import timedelta

import structlog

from models.connections.repository import UNREADABLE, Connection
from models.enums import EntityType, Lane
from models.inbox import cursors
from sync.error_codes.names import SECRETS_UNREADABLE
from sync.errors import MisconfiguredError, RateLimitedError, ResponseTooLargeError, SyncError, UnavailableError
from sync.polling import expense_schedule, failing_polls, polls
from sync.polling.expense_schedule import PollRound
from sync.polling.polls import PollResult
from worker.container import Container

log = structlog.get_logger()

SECRETS_UNREADABLE_ERROR = MisconfiguredError(
    UNREADABLE,
    error_code=SECRETS_UNREADABLE,
)
"""Pauses a connection whose secrets were damaged, moved or encrypted with a missing key."""


def pause_unreadable(container: Container) -> None:
    """Pause connections whose secrets cannot be decrypted, but none if no secrets can: then the keys are wrong."""
    shown = container.connections.all_even_unreadable()
    unreadable = [each for each in shown if each.unreadable]
    if len(unreadable) == len(shown) > 1:
        log.error("secret_keys_open_nothing", connections=len(shown))
        return
    for connection in unreadable:
        container.runner.pause(connection, SECRETS_UNREADABLE_ERROR)


def moment_due(container: Container) -> Mapping[int, timedelta]:
    every = timedelta(seconds=container.settings.poll_seconds)
    return {
        connection.id: every
        for connection in container.connections.all()
        if connection.is_available(container.clock())
    }


def expenses_due(container: Container, *, every: float) -> PollRound:
    """Return the connections that should poll 24SevenOffice for costs now; called once in ``every`` seconds."""
    now, usage = container.clock(), container.budget.usage()
    if usage is None:
        return expense_schedule.NO_POLLS
    return expense_schedule.next_round(
        polls.poll_states(container.database, container.connections.all(), now=now),
        now=now,
        hourly=usage.polls_per_hour,
        free=usage.available_for_polls,
        every=timedelta(seconds=every),
    )


def poll_moment(container: Container, connection_id: int) -> set[Lane]:
    """Enqueue the records that changed in Moment, failing types last, and return the lanes that have work.

    It stops if Moment is silent on the first list, as the other types would fail too.
    """
    connection = container.connections.get(connection_id)
    if not connection.is_available(container.clock()):  # it was available when the poll was sent
        return set()
    types = sorted(connection.settings.entity_types - {EntityType.EXPENSE})
    lanes = [Lane(connection_id, each) for each in types]
    lanes.sort(key=lambda lane: cursors.failures(container.database, lane))
    moment, responded, found = container.moment(connection.settings), False, set[Lane]()
    for lane in lanes:
        try:
            polled = polls.poll_moment(
                container.database, moment, lane, now=container.clock(), lag=container.moment_clock.lag
            )
        except SyncError as error:
            _handle_failure(container, connection, types, error, responded=responded)
            if _concerns_all(error, responded=responded):
                return found
        else:
            _log_missed(lane, polled)
            if polled.received:
                found.add(lane)
        responded = True
    failing_polls.record_success(container.database, connection, types, now=container.clock())
    return found


def poll_expenses(container: Container, connection_id: int) -> set[Lane]:
    """Enqueue the changed vouchers with costs in 24SevenOffice, and return the lanes that have work."""
    connection = container.connections.get(connection_id)
    if not connection.is_available(container.clock()):
        return set()
    lane, erp = Lane(connection_id, EntityType.EXPENSE), container.cached_erp(connection).for_polls()
    try:
        received = polls.poll_expenses(
            container.database,
            erp,
            lane,
            settings=connection.settings,
            now=container.clock(),
            lag=container.twentyfour_clock.lag,
        )
    except SyncError as error:
        _handle_failure(container, connection, [EntityType.EXPENSE], error, responded=False)
        return set()
    failing_polls.record_success(container.database, connection, [EntityType.EXPENSE], now=container.clock())
    return {lane} if received else set()


def _concerns_all(error: SyncError, *, responded: bool) -> bool:
    """Return whether the next poll would fail too. If one list got a response, the system is not down."""
    if responded or isinstance(error, ResponseTooLargeError):
        return isinstance(error, MisconfiguredError | RateLimitedError)
    return isinstance(error, UnavailableError | MisconfiguredError)


def _log_missed(lane: Lane, polled: PollResult) -> None:
    if polled.missed or polled.nightly:  # also logged if the nightly poll found nothing
        log.info(
            "missed_webhooks",
            connection=lane.connection_id,
            entity_type=lane.entity_type,
            found=polled.missed,
            nightly=polled.nightly,
        )


def _handle_failure(
    container: Container,
    connection: Connection,
    types: Collection[EntityType],
    error: SyncError,
    *,
    responded: bool,
) -> None:
    """Record the failure for the next poll, or pause the connection if someone must correct its settings."""
    log.warning("poll_failed", connection=connection.id, because=error.message)
    now, random = container.clock(), container.runner.random
    if isinstance(error, MisconfiguredError):
        container.runner.pause(connection, error)
    elif not responded:
        failing_polls.record_failure(container.database, connection, types, error, now=now, jitter=random())
