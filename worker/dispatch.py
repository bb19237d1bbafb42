"""Dispatching: messages that wake up a lane, poll, operation or receiver with work, at most one of each at a time.

Any message may be lost, since beat dispatches again. So if Redis is down, that is only logged.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from models.admin.operations import OPERATION_TIMEOUT
from models.enums import Lane
from worker.celery_app import app
from worker.container import get_container
from worker.schedule import GRACE_SECONDS

log = structlog.get_logger()

LANE_DEBOUNCE_SECONDS = 60
"""How long a message counts as under way, in case it is lost after Redis took it."""

UNSENT_SECONDS = 5
"""How long a message delays the next one until Redis has taken it, as Redis may freeze in between."""

OPERATION, RECEIVER, POLLS = "run_operation", "deliver_events", ("poll_moment", "poll_expenses")

TURNS = "polls_sent"
"""The Redis key that counts the polls sent: the number of each is its turn."""

BEGUN_SECONDS = 24 * 3600
"""How long it is remembered which polls had been sent when one began: longer than any message waits."""

OPERATION_DEBOUNCE_SECONDS = 300
"""The same for an operation; while it runs, its lease excludes others."""


def dispatch_lanes(lanes: Iterable[Lane]) -> None:
    messages = sorted({(f"sync_{lane.entity_type}s", lane.connection_id) for lane in lanes})
    _send((*message, LANE_DEBOUNCE_SECONDS) for message in messages)


def dispatch_polls(task: str, intervals: Mapping[int, timedelta], *, limit: int | None = None) -> None:
    """Send connections their polls, at most ``limit``, the first ones first.

    A connection that was sent its poll within half of its interval is skipped: the poll is under way, or has just
    failed. Polls run in the order in which they were sent, however long that takes, since every message has its
    turn (:func:`is_wanted`).
    """
    waits = ((task, number, interval.total_seconds() / 2) for number, interval in intervals.items())
    _send(waits, limit=limit)


def is_wanted(task: str, connection_id: int, turn: int) -> bool:
    """Return whether no other poll of the connection has begun since the message with this turn was sent.

    So polls that hang do not pile up, and none is dropped before its connection was polled.
    """
    redis, key = get_container().redis, f"begun:{connection_id}:{task}"
    begun, sent = (int(redis.get(each) or 0) for each in (key, TURNS))
    if 0 < turn <= begun <= sent:  # ``sent`` is lower if Redis has lost the count
        return False
    redis.set(key, sent, ex=BEGUN_SECONDS)
    return True


def dispatch_operations(operation_ids: Iterable[int]) -> None:
    """Dispatch those of these operations that are next in their connection."""
    container = get_container()
    turn = container.operations.next_in_turn([*operation_ids], since=container.clock() - OPERATION_TIMEOUT)
    _send((OPERATION, operation_id, OPERATION_DEBOUNCE_SECONDS) for operation_id in turn)


def dispatch_next_operation(operation_id: int) -> None:
    """Dispatch the operations that waited for one that has ended."""
    container = get_container()
    if ended := container.operations.get(operation_id):
        since = container.clock() - OPERATION_TIMEOUT
        dispatch_operations(container.operations.pending_of(ended.connection_id, since=since))


def dispatch_receivers(receiver_ids: Iterable[int]) -> None:
    """Dispatch receivers with due deliveries."""
    _send((RECEIVER, receiver_id, LANE_DEBOUNCE_SECONDS) for receiver_id in receiver_ids)


def clear_receiver(receiver_id: int) -> None:
    """Note that the receiver's message has arrived: deliveries that become due from now on need another one."""
    get_container().redis.delete(_key(RECEIVER, receiver_id))


def clear_pending(lane: Lane) -> None:
    """Note that the lane's message has arrived: jobs that arrive from now on need another one.

    Call it before the lane is leased, so that no job is missed in between.
    """
    get_container().redis.delete(_key(f"sync_{lane.entity_type}s", lane.connection_id))


def clear_operation(operation_id: int) -> None:
    """Let the next sweep dispatch an operation again that could not be run yet."""
    get_container().redis.delete(_key("run_operation", operation_id))


def forget(connection_id: int | None = None) -> None:
    """Forget which messages of a connection, or of all, are under way; a duplicate does no harm."""
    redis = get_container().redis
    for key in redis.scan_iter(_key("*", "*" if connection_id is None else connection_id)):
        redis.delete(key)


def _send(messages: Iterable[tuple[str, int, float]], *, limit: int | None = None) -> None:
    """Send tasks with the id of a connection or an operation, unless the same was sent within its seconds."""
    container, sent = get_container(), 0
    try:
        for task, number, seconds in messages:
            if sent == limit:
                return
            key, ttl = _key(task, number), max(1, int(seconds * 1000))
            if container.redis.set(key, "", nx=True, px=min(ttl, UNSENT_SECONDS * 1000)):
                turn = [container.redis.incr(TURNS)] if task in POLLS else []
                expires = seconds + GRACE_SECONDS if task == OPERATION else None
                app.send_task(
                    task, args=[number, *turn], retry=False, expires=expires, headers=container.tracer.headers()
                )
                container.redis.pexpire(key, ttl)  # no effect if a worker has the message already
                sent += 1
    except (RedisError, OperationalError) as error:
        log.warning("dispatch_failed", because=str(error))


def _key(task: str, number: int | str) -> str:
    return f"dispatched:{number}:{task}"
