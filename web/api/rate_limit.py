"""The rate limit of API tokens (``API_REQUESTS_PER_MINUTE``), counted in Redis across all processes."""

from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from redis.exceptions import RedisError

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """The ``remaining`` requests of a token, out of ``limit``, and the ``reset_seconds`` until the next window."""

    limit: int
    remaining: int
    reset_seconds: int
    exceeded: bool

    @property
    def headers(self) -> dict[str, str]:
        """The headers of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"token";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"token";r={self.remaining};t={self.reset_seconds}',
        }


def count(redis: Redis, token_id: int, *, limit: int, now: datetime) -> Allowance | None:
    """Count a request. Returns None while Redis is down: then there is no limit."""
    window, second = divmod(int(now.timestamp()), WINDOW_SECONDS)
    key = f"api_requests:{token_id}:{window}"
    try:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW_SECONDS)
            counted, _ = pipeline.execute()
    except RedisError:
        return None
    return Allowance(
        limit=limit,
        remaining=max(0, limit - counted),
        reset_seconds=WINDOW_SECONDS - second,
        exceeded=counted > limit,
    )
