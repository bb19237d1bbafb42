"""A sign of life: beat, Redis and a worker have all taken part in a sweep lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis

KEY = "pulse"
SECONDS = 60


def beat(redis: Redis) -> None:
    """Give a sign that lasts a minute."""
    redis.set(KEY, "", ex=SECONDS)


def is_felt(redis: Redis) -> bool:
    """Tell whether there has been a sign within the last minute."""
    return bool(redis.exists(KEY))
