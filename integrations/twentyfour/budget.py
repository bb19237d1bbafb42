"""How many requests we may send to 24SevenOffice: one budget for the whole installation, kept in Redis.

24SevenOffice counts the requests of an integration, whichever customer they are for, and locks it out when they
are too many. So all workers ask here first, and all of them stop when one of them is told to.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from language.said import say
from sync.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from redis import Redis

BLOCKED, HOUR, TURN = "twentyfour:blocked", "twentyfour:hour", "twentyfour:turn"
PATIENCE = timedelta(seconds=5)  # a turn that comes sooner is waited for; that is cheaper than to come again
BURST = 3  # so many may go ahead of their turn after a pause: with 20 a second, no second sees more than 23
LONGEST_BLOCK = timedelta(hours=2)  # whatever 24SevenOffice is understood to say
UNTOLD_BLOCK = timedelta(minutes=15)  # for a quarantine whose end cannot be read

# The clock is that of Redis, as it is the one that all workers share. Hours begin on the full hour, as those of
# 24SevenOffice do. Turns are handed out evenly: each request takes the next one, however long ago the last was.
TAKE = """
local blocked = redis.call('PTTL', KEYS[1])
if blocked > 0 then return {0, blocked} end
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then
  return {0, redis.call('PTTL', KEYS[2])}
end
local gap, burst, patience = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local turn = math.max(tonumber(redis.call('GET', KEYS[3]) or 0) + gap, now - burst * gap)
local wait = math.max(math.ceil(turn - now), 0)
if wait > patience then return {0, wait} end
redis.call('SET', KEYS[3], string.format('%.3f', turn), 'PX', 60000)
if redis.call('INCR', KEYS[2]) == 1 then
  redis.call('PEXPIRE', KEYS[2], (3600 - time[1] % 3600) * 1000)
end
return {1, wait}
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """How many requests of this hour are ``used`` of those ``allowed``; ``blocked`` says that all must stop."""

    used: int
    allowed: int
    blocked: bool


class Budget:
    """Hands out requests to all workers of an installation.

    Args:
        redis: shared by all workers.
        per_hour: requests in a full hour.
        per_second: requests in a second, evenly spread.
        clock: tells the time in UTC.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        per_hour: int,
        per_second: int,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._redis = redis
        self._script = redis.register_script(TAKE)
        self._limits = (per_hour, 1000 / per_second, BURST, PATIENCE // timedelta(milliseconds=1))
        self._clock = clock
        self._sleep = sleep

    def take(self) -> None:
        """Take one request, after a wait for its turn of at most ``PATIENCE``.

        Raises Unavailable where the budget is used up, 24SevenOffice has locked us out, or Redis is away:
        to go on without it would risk the lock-out of all customers, and the queue is down then anyway.
        """
        try:
            granted, milliseconds = self._script(keys=[BLOCKED, HOUR, TURN], args=self._limits)
        except RedisError as error:
            raise Unavailable(say("The budget of requests in Redis cannot be reached."), reason="redis") from error
        wait = timedelta(milliseconds=milliseconds)
        if not granted:
            message = say("No more requests can be sent to 24SevenOffice for a while, as it limits their number.")
            raise Unavailable(message, reason="budget", retry_after=wait)
        if wait:
            self._sleep(wait.total_seconds())

    def usage(self) -> Usage | None:
        """Tell how much of the present hour's budget is used; None while Redis is away."""
        try:
            used, blocked = self._redis.get(HOUR), self._redis.exists(BLOCKED)
        except RedisError:
            return None
        return Usage(int(used or 0), self._limits[0], blocked=bool(blocked))

    def heed(self, status: int, headers: Mapping[str, str]) -> timedelta | None:
        """Obey what an answer says of the limit, and tell how long to wait if it was refused for it."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return self.block(_seconds(headers.get("Retry-After", "")))
        if headers.get("APILimitRemaining", "").strip() == "0":
            self.block(self._until(headers.get("APILimitReset", "")))
        return None

    def quarantine(self, message: str) -> timedelta | None:
        """Obey a fault that says when a quarantine ends; None where the message is about something else."""
        told = re.search(r"quarantine ends at (.*)", message, re.IGNORECASE)
        return self.block(self._until(told[1].rstrip(" ."))) if told else None

    def block(self, wait: timedelta) -> timedelta:
        """Stop all workers for so long, or for longer where they are stopped already.

        Never raises: the answer that asked for it may be that of a call that has saved something.
        """
        wait = min(wait, LONGEST_BLOCK)
        milliseconds = max(wait // timedelta(milliseconds=1), 1)
        with suppress(RedisError):
            self._redis.set(BLOCKED, "", px=milliseconds, nx=True)
            self._redis.pexpire(BLOCKED, milliseconds, gt=True)
        return wait

    def _until(self, instant: str) -> timedelta:
        """Tell how long it is to an instant, in UTC where it names no zone."""
        try:
            end = datetime.fromisoformat(instant)
        except ValueError:
            return UNTOLD_BLOCK
        end = end if end.tzinfo else end.replace(tzinfo=UTC)
        return max(end - self._clock(), timedelta(seconds=1))


def _seconds(retry_after: str) -> timedelta:
    """Read a number of seconds; one second where it is anything else."""
    return (
        min(timedelta(seconds=int(retry_after[:9])), LONGEST_BLOCK)
        if retry_after.isdecimal()
        else timedelta(seconds=1)
    )
