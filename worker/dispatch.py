"""Dispatching: sends wake-ups to lanes, polls, operations and receivers with work, at most one to each at a time.

Any message may be lost, because beat dispatches again. So an outage of Redis is only logged.
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

OPERATION_DEBOUNCE_SECONDS = 300
"""How long the message of an operation counts as under way; while it runs, its lease excludes others."""

OPERATION, RECEIVER, POLLS = "run_operation", "deliver_events", ("poll_moment", "poll_expenses")
"""Names of tasks."""

POLLS_SENT = "polls_sent"
"""The Redis key of the number of polls sent so far; each poll carries its own number."""

POLL_BEGUN_SECONDS = 24 * 3600
"""How long Redis keeps the number at which a connection's poll began: longer than any message waits."""


def dispatch_lanes(lanes: Iterable[Lane]) -> None:
    messages = sorted({(_lane_task(lane), lane.connection_id) for lane in lanes})
    _send((*message, LANE_DEBOUNCE_SECONDS) for message in messages)


def dispatch_polls(task: str, intervals: Mapping[int, timedelta], *, limit: int | None = None) -> None:
    """Send connections their polls, at most ``limit``, unless one was sent within half of its interval."""
    waits = ((task, connection_id, interval.total_seconds() / 2) for connection_id, interval in intervals.items())
    _send(waits, limit=limit)


def begin_poll(task: str, connection_id: int, number: int) -> bool:
    """Record that a poll begins. Return False if a poll of this connection has already begun since it was sent."""
    redis, key = get_container().redis, f"begun:{connection_id}:{task}"
    begun, sent = (int(redis.get(each) or 0) for each in (key, POLLS_SENT))
    if 0 < number <= begun <= sent:  # ``sent`` is lower if Redis has lost the count
        return False
    redis.set(key, sent, ex=POLL_BEGUN_SECONDS)
    return True


def dispatch_operations(operation_ids: Iterable[int]) -> None:
    """Dispatch the operations that are next in their connection."""
    container = get_container()
    turn = container.operations.next_in_turn([*operation_ids], since=container.clock() - OPERATION_TIMEOUT)
    _send((OPERATION, operation_id, OPERATION_DEBOUNCE_SECONDS) for operation_id in turn)


def dispatch_next_operation(operation_id: int) -> None:
    """Dispatch the operations that waited for an operation that has ended."""
    container = get_container()
    if operation := container.operations.get(operation_id):
        since = container.clock() - OPERATION_TIMEOUT
        dispatch_operations(container.operations.pending(operation.connection_id, since=since))


def dispatch_receivers(receiver_ids: Iterable[int]) -> None:
    """Dispatch receivers with due deliveries."""
    _send((RECEIVER, receiver_id, LANE_DEBOUNCE_SECONDS) for receiver_id in receiver_ids)


def mark_arrived(task: str, target_id: int) -> None:
    """Record that the message of a task has arrived. Work that becomes due from now on needs another message."""
    get_container().redis.delete(_key(task, target_id))


def mark_lane_arrived(lane: Lane) -> None:
    """Record that a lane's message has arrived. Call it before leasing the lane, so that no job is missed."""
    mark_arrived(_lane_task(lane), lane.connection_id)


def forget(connection_id: int | None = None) -> None:
    """Forget which messages are under way, of one connection or of all. A duplicate does no harm."""
    redis = get_container().redis
    for key in redis.scan_iter(_key("*", "*" if connection_id is None else connection_id)):
        redis.delete(key)


def _send(messages: Iterable[tuple[str, int, float]], *, limit: int | None = None) -> None:
    """Send tasks, each with an id, unless the same task was sent within its seconds."""
    container, sent = get_container(), 0
    try:
        for task, target_id, seconds in messages:
            if sent == limit:
                return
            key, ttl = _key(task, target_id), max(1, int(seconds * 1000))
            if container.redis.set(key, "", nx=True, px=min(ttl, UNSENT_SECONDS * 1000)):
                poll_number = [container.redis.incr(POLLS_SENT)] if task in POLLS else []
                expires = seconds + GRACE_SECONDS if task == OPERATION else None
                app.send_task(
                    task,
                    args=[target_id, *poll_number],
                    retry=False,
                    expires=expires,
                    headers=container.tracer.headers(),
                )
                container.redis.pexpire(key, ttl)  # no effect if a worker has the message already
                sent += 1
    except (RedisError, OperationalError) as error:
        log.warning("dispatch_failed", because=str(error))


def _lane_task(lane: Lane) -> str:
    return f"sync_{lane.entity_type}s"


def _key(task: str, target_id: int | str) -> str:
    return f"dispatched:{target_id}:{task}"
