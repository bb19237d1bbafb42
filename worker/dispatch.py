"""Wake-ups: messages that say which lane, poll, operation or receiver has something to do, one of each at most.

One may be lost at any time, since beat dispatches again; so where Redis is away, that is logged and no more.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from models.admin.operations import WORTHWHILE
from models.enums import Lane
from worker.celery_app import app
from worker.container import get_container
from worker.schedule import GRACE_SECONDS

log = structlog.get_logger()

LANE_DEBOUNCE_SECONDS = 60
"""How long a message is trusted to be on its way, should it be lost after Redis has taken it."""

UNSENT_SECONDS = 5
"""How long a message holds up the next one until Redis has taken it: Redis may freeze in between."""

OPERATION, RECEIVER, POLLS = "run_operation", "deliver_events", ("poll_moment", "poll_expenses")

TURNS = "polls_sent"
"""The key under which Redis counts the polls that are sent: the number of each is its turn."""

BEGUN_SECONDS = 24 * 3600
"""How long it is known which polls had been sent when one began: longer than any message waits."""

OPERATION_DEBOUNCE_SECONDS = 300
"""The same for an operation; while it runs its lease keeps others from it."""


def dispatch_lanes(lanes: Iterable[Lane]) -> None:
    messages = sorted({(f"sync_{lane.entity_type}s", lane.connection_id) for lane in lanes})
    _send((*message, LANE_DEBOUNCE_SECONDS) for message in messages)


def dispatch_polls(task: str, intervals: Mapping[int, timedelta], *, limit: int | None = None) -> None:
    """Send connections their polls, at most so many and the first of them first.

    One that was sent its poll within half of its interval between two polls is passed over: it is on its way, or
    it failed just now. Polls are made in the order in which they were sent, however long that takes, since every
    message has its turn (:func:`is_wanted`).
    """
    waits = ((task, number, interval.total_seconds() / 2) for number, interval in intervals.items())
    _send(waits, limit=limit)


def is_wanted(task: str, connection_id: int, turn: int) -> bool:
    """Say whether no other poll of the connection has begun since the message with this turn was sent.

    So polls that hang do not pile up, and none is dropped before its connection was polled.
    """
    redis, key = get_container().redis, f"begun:{connection_id}:{task}"
    begun, sent = (int(redis.get(each) or 0) for each in (key, TURNS))
    if 0 < turn <= begun <= sent:  # less was sent where Redis has lost the count
        return False
    redis.set(key, sent, ex=BEGUN_SECONDS)
    return True


def dispatch_operations(operation_ids: Iterable[int]) -> None:
    """Dispatch those of these operations whose turn it is among those of their connection."""
    container = get_container()
    turn = container.operations.next_in_turn([*operation_ids], since=container.clock() - WORTHWHILE)
    _send((OPERATION, operation_id, OPERATION_DEBOUNCE_SECONDS) for operation_id in turn)


def dispatch_next_operation(operation_id: int) -> None:
    """Dispatch what waited for an operation that has ended."""
    container = get_container()
    if ended := container.operations.get(operation_id):
        since = container.clock() - WORTHWHILE
        dispatch_operations(container.operations.pending_of(ended.connection_id, since=since))


def dispatch_receivers(receiver_ids: Iterable[int]) -> None:
    """Have receivers sent what is due there."""
    _send((RECEIVER, receiver_id, LANE_DEBOUNCE_SECONDS) for receiver_id in receiver_ids)


def clear_receiver(receiver_id: int) -> None:
    """Note that the receiver's message is here: what becomes due from now on needs another one."""
    get_container().redis.delete(_key(RECEIVER, receiver_id))


def clear_pending(lane: Lane) -> None:
    """Note that the lane's message is here: what comes from now on needs another one.

    To be called before the lane is leased, so that no job falls between the two.
    """
    get_container().redis.delete(_key(f"sync_{lane.entity_type}s", lane.connection_id))


def clear_operation(operation_id: int) -> None:
    """Have the next sweep dispatch an operation again, which could not be run yet."""
    get_container().redis.delete(_key("run_operation", operation_id))


def forget(connection_id: int | None = None) -> None:
    """Forget which messages of a connection, or of all, are on their way; one that comes twice does no harm."""
    redis = get_container().redis
    for key in redis.scan_iter(_key("*", "*" if connection_id is None else connection_id)):
        redis.delete(key)


def _send(messages: Iterable[tuple[str, int, float]], *, limit: int | None = None) -> None:
    """Send tasks with the number of a connection or an operation, each unless it was sent within its seconds."""
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
                container.redis.pexpire(key, ttl)  # does nothing where a worker has the message already
                sent += 1
    except (RedisError, OperationalError) as error:
        log.warning("dispatch_failed", because=str(error))


def _key(task: str, number: int | str) -> str:
    return f"dispatched:{number}:{task}"
