"""Signs of life: beat, Redis and a worker have all taken part in a sweep lately; and that of one worker."""

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

from worker.alive import SWEEP, worker_key

TTL_SECONDS = 60
"""How long a sign lasts, or three sweeps where these are rare."""

WORKER_SECONDS = 15
"""How often a worker gives its own."""


def record(redis: Redis, *, every: float) -> None:
    """Give a sign that lasts a minute, or longer where a sweep comes ``every`` so many seconds only."""
    redis.set(SWEEP, "", ex=max(TTL_SECONDS, int(3 * every)))


def is_alive(redis: Redis) -> bool:
    return bool(redis.exists(SWEEP))


def record_worker(redis: Redis, *, seconds: int = TTL_SECONDS) -> None:
    """Give the sign of the worker on this host; without Redis nobody misses it."""
    with suppress(RedisError):
        redis.set(worker_key(), "", ex=seconds)


def is_unresponsive(redis: Redis) -> bool:
    """Return whether the worker on this host gives no sign, although Redis is there to keep it."""
    try:
        return not redis.exists(worker_key())
    except RedisError:
        return False
