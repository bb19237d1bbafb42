"""Signs of life: beat, Redis and a worker have all taken part in a sweep lately; and that of one worker."""

from celery import Celery
from celery.utils.nodenames import default_nodename
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

KEY = "heartbeat"
TTL_SECONDS = 60
"""How long a sign lasts, or three sweeps where these are rare."""
PING_SECONDS = 5
"""How long a worker may take to answer; it does so beside its work."""


def record(redis: Redis, *, every: float) -> None:
    """Give a sign that lasts a minute, or longer where a sweep comes ``every`` so many seconds only."""
    redis.set(KEY, "", ex=max(TTL_SECONDS, int(3 * every)))


def is_alive(redis: Redis) -> bool:
    return bool(redis.exists(KEY))


def is_unresponsive(app: Celery, redis: Redis) -> bool:
    """Return whether the worker on this host gives no answer, although Redis is there to bring it."""
    try:
        redis.ping()
        return not app.control.ping(destination=[default_nodename("")], timeout=PING_SECONDS)
    except (RedisError, OperationalError):
        return False
