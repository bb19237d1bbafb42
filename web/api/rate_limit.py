"""The rate limits of an API token, counted in Redis across all processes; there are none while Redis is down.

Its requests are limited by ``API_REQUESTS_PER_MINUTE``, and the logins that it may try for one user name by
``MAX_LOGINS``, because each of them reveals whether the password is right.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError

from models.admin.operations import MAX_LOGINS, OPERATION_TIMEOUT, LoginTriesError
from models.connections.vault import Vault

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
    """Count a request; None while Redis is down."""
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


def expect_few_logins(
    redis: Redis, vault: Vault, token_id: int, username: str, password: str, *, now: datetime
) -> None:
    """Count a login on any connection; the same login counts once, however many connections use it.

    It is counted before it is tried, so that many at once cannot slip through. Raises LoginTriesError after
    ``MAX_LOGINS`` others of its user name within an hour. While Redis is down, no worker tries a login either.
    """
    username = username.strip().casefold()
    key = f"api_logins:{token_id}:{vault.keyed_hash(username)}"
    login = vault.keyed_hash(username, password)
    at, since = now.timestamp(), (now - OPERATION_TIMEOUT).timestamp()
    try:
        with redis.pipeline() as pipeline:
            pipeline.zremrangebyscore(key, "-inf", since)
            pipeline.zadd(key, {login: at}, nx=True)
            pipeline.expire(key, OPERATION_TIMEOUT)
            pipeline.zrank(key, login)
            pipeline.zrange(key, 0, 0, withscores=True)
            *_, place, ((_, first),) = pipeline.execute()
        if place < MAX_LOGINS:
            return
        redis.zrem(key, login)
    except RedisError:
        return
    raise LoginTriesError(timedelta(seconds=first - since))
