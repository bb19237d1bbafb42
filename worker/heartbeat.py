"""Heartbeats: of a sweep, in which beat, Redis and a worker take part, and of a single worker."""

from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

from worker.alive import SWEEP_KEY, worker_key

TTL_SECONDS = 60
"""How long a heartbeat lasts at least; it lasts for three sweeps if these are rare."""

WORKER_SECONDS = 15
"""How often a worker records its own heartbeat."""


def record(redis: Redis, *, every: float) -> None:
    """Record a heartbeat that lasts a minute, or longer if sweeps are ``every`` seconds apart."""
    redis.set(SWEEP_KEY, "", ex=max(TTL_SECONDS, int(3 * every)))


def is_alive(redis: Redis) -> bool:
    return bool(redis.exists(SWEEP_KEY))


def record_worker(redis: Redis, *, seconds: int = TTL_SECONDS) -> None:
    """Record the heartbeat of the worker on this host; it is not needed without Redis."""
    with suppress(RedisError):
        redis.set(worker_key(), "", ex=seconds)


def is_unresponsive(redis: Redis) -> bool:
    """Return whether the worker on this host has no heartbeat although Redis is reachable."""
    try:
        return not redis.exists(worker_key())
    except RedisError:
        return False
