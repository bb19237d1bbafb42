"""The limit on the logins that a token may try for one user name, across all connections.

Each attempt reveals whether the password is right. Attempts are counted in Redis. The same login counts once,
however many connections use it.
"""

from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError

from models.admin.operations import MAX_LOGINS, OPERATION_TIMEOUT, LoginTriesError
from models.connections.vault import Vault


def expect_few_logins(
    redis: Redis, vault: Vault, token_id: int, username: str, password: str, *, now: datetime
) -> None:
    """Count a login. Raises LoginTriesError after ``MAX_LOGINS`` others of its user name within an hour.

    Nothing is limited while Redis is down, as no worker tries a login then.
    """
    username = username.strip().casefold()
    key = f"api_logins:{token_id}:{vault.keyed_hash(username)}"
    try:
        wait = _wait(redis, key, vault.keyed_hash(username, password), now=now)
    except RedisError:
        return
    if wait is not None:
        raise LoginTriesError(wait)


def _wait(redis: Redis, key: str, login: str, *, now: datetime) -> timedelta | None:
    """Count a login before deciding whether it may be tried, so that many at once cannot slip through."""
    at, since = now.timestamp(), (now - OPERATION_TIMEOUT).timestamp()
    with redis.pipeline() as pipeline:
        pipeline.zremrangebyscore(key, "-inf", since)
        pipeline.zadd(key, {login: at}, nx=True)
        pipeline.expire(key, OPERATION_TIMEOUT)
        pipeline.zrank(key, login)
        pipeline.zrange(key, 0, 0, withscores=True)
        *_, place, ((_, first),) = pipeline.execute()
    if place < MAX_LOGINS:
        return None
    redis.zrem(key, login)
    return timedelta(seconds=first - since)
