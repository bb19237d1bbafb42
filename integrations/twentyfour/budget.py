"""The request budget for 24SevenOffice: one for the whole installation, kept in Redis.

24SevenOffice counts an integration's requests across all customers, and locks it out if there are too many, so a
refusal to one worker stops all. :mod:`~integrations.twentyfour.budget_scripts` explains the count and priorities.
The limits are the settings TWENTYFOUR_REQUESTS_PER_HOUR, TWENTYFOUR_REQUESTS_PER_SECOND and
TWENTYFOUR_CONNECTION_PERCENT.
"""

import copy
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Self

from redis import Redis
from redis.exceptions import RedisError

from i18n.formatting import OSLO
from i18n.messages import msg
from integrations.remote_clock import retry_after_of
from integrations.twentyfour import budget_scripts as scripts
from integrations.twentyfour.error_mapping import QUARANTINE_MESSAGE
from integrations.twentyfour.instants import instant_of
from sync.error_codes.names import BUDGET, QUARANTINE, REDIS, SHARE, TOO_MANY_REQUESTS
from sync.errors import RateLimitedError, UnavailableError

MAX_WAIT = timedelta(seconds=5)  # for a slot; waiting is cheaper than retrying
RESERVE_PERCENT = 50  # of the hour, which polls leave to webhooks
BURST = 3  # sent at once after a pause: with 20 a second, no second has more than 23
MAX_BLOCK = timedelta(hours=1)  # even if 24SevenOffice asks for more
DEFAULT_BLOCK = timedelta(minutes=15)  # for a quarantine whose end cannot be read
MILLISECOND, MINUTE = timedelta(milliseconds=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the installation.

    ``per_hour`` holds for any 60 minutes, and ``per_second`` is spread evenly. ``reserve_percent`` of the hour is
    for webhooks only, and one connection may use ``connection_percent`` of it while no other uses any.
    """

    per_hour: int
    per_second: int
    connection_percent: int
    reserve_percent: int = RESERVE_PERCENT


@dataclass(frozen=True, slots=True)
class Usage:
    """The state of the budget, in requests. The last hour is counted by whole minutes, rounded up.

    ``allowed`` is the hourly limit, lower than in the settings if 24SevenOffice reported less. ``remaining`` may
    be sent now, ``reserved`` of them for webhooks only. ``events`` and ``polls`` were sent in the last hour.
    Nothing is sent until ``blocked_until`` (UTC).
    """

    allowed: int
    remaining: int
    events: int
    polls: int
    reserved: int
    blocked_until: datetime | None

    @property
    def used(self) -> int:
        """The requests of the hour that can no longer be sent."""
        return self.allowed - self.remaining

    @property
    def available_for_polls(self) -> int:
        return 0 if self.blocked_until else max(0, self.remaining - self.reserved)

    @property
    def polls_per_hour(self) -> int:
        """The number of polls that an hour like the last one would allow, however many were made."""
        return max(0, self.allowed - self.events - self.reserved)


class Budget:
    """Grants requests to all workers of an installation: by default for webhooks, charged to no connection.

    ``milliseconds`` returns the time of a simulation; the default is Redis's time. ``on_refused`` is called for
    each refused request with whether it was a poll's, and the error code.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        limits: Limits,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        milliseconds: Callable[[], int] | None = None,
        on_refused: Callable[[bool, str], None] = lambda _poll, _reason: None,
    ) -> None:
        self._redis = redis
        self._take, self._look = redis.register_script(scripts.TAKE), redis.register_script(scripts.LOOK)
        self._block = redis.register_script(scripts.BLOCK)
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._milliseconds: Callable[[], int | str] = milliseconds or (lambda: "")
        self._on_refused = on_refused
        self._reported: list[
            tuple[int, int]
        ] = []  # 24SevenOffice's last report of the limit; shared by the copies
        self._connection_id, self._polls = 0, False

    @property
    def connection_id(self) -> int:
        """The connection that the requests are charged to, 0 for none."""
        return self._connection_id

    def for_connection(self, connection_id: int) -> Self:
        return self._with(_connection_id=connection_id)

    def for_polls(self) -> Self:
        """Return the same budget for polls, which get the requests that webhooks leave."""
        return self._with(_polls=True)

    def acquire(self) -> None:
        """Take one request, after a short wait. Raises RateLimitedError, and UnavailableError without Redis."""
        max_wait = MAX_WAIT
        decision, wait = self._request()
        while decision == scripts.WAIT and wait <= max_wait:
            max_wait -= wait
            self._sleep(wait.total_seconds())
            decision, wait = self._request()
        if decision != scripts.GRANTED:
            refusal = self._refusal(decision, wait)
            self._on_refused(self._polls, refusal.error_code)
            raise refusal
        if wait:
            self._sleep(wait.total_seconds())

    def forget(self) -> None:
        """Reset the connection's own count; the common count stays. Raises RedisError."""
        self._redis.delete(f"{scripts.OF_CONNECTION}{self._connection_id}")
        self._redis.hdel(self._day(), str(self._connection_id))

    def requests_today(self) -> Mapping[int, int] | None:
        """Return the requests by connection since midnight in Oslo (0: uncharged); None while Redis is down."""
        try:
            counts = self._redis.hgetall(self._day())
        except RedisError:
            return None
        return {int(connection_id): int(number) for connection_id, number in counts.items()}

    def usage(self) -> Usage | None:
        """Return the state of the budget; None while Redis is down."""
        try:
            hour, events, polls, left, reserved, blocked, now = self._look(
                keys=scripts.KEYS[:4], args=[self._milliseconds(), *self._hour()]
            )
        except RedisError:
            return None
        until = datetime.fromtimestamp(blocked / 1000, UTC) if blocked > now else None
        return Usage(hour, max(0, left), events, polls, reserved, until)

    def record_response(self, status: int, headers: Mapping[str, str]) -> timedelta | None:
        """Follow a response's headers, also with the next request; return how long to wait after a refusal."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            retry_after = retry_after_of(headers)
            return self.block(timedelta(seconds=1) if retry_after is None else retry_after)
        left, reset = headers.get("APILimitRemaining", "").strip(), headers.get("APILimitReset", "")
        if left.isdecimal() and reset:
            ends = min(self._instant(reset), self._clock() + MAX_BLOCK)
            self._reported[:] = [(int(left[:9]), int(ends.timestamp() * 1000))]
        if left == "0":
            self.block(self._until(reset), why=scripts.EXHAUSTED)
        return None

    def record_quarantine(self, message: str) -> timedelta | None:
        """Follow a fault that says when a quarantine ends; return None if the message is about something else."""
        match = re.search(QUARANTINE_MESSAGE, message, re.IGNORECASE)
        return self.block(self._until(match["end"].rstrip(" ."))) if match else None

    def block(self, wait: timedelta, *, why: int = scripts.BLOCKED_BY_REMOTE) -> timedelta:
        """Stop all workers for at least this time. Never raises: the call may have saved something."""
        wait = min(wait, MAX_BLOCK)
        with suppress(RedisError):
            self._block(keys=[scripts.BLOCKED], args=[self._milliseconds(), max(wait // MILLISECOND, 1), why])
        return wait

    def _request(self) -> tuple[int, timedelta]:
        limits = self._limits
        reported = self._reported[0] if self._reported else ("", "")
        slots = (-(-1000 // limits.per_second), BURST, MAX_WAIT // MILLISECOND)
        keys = [*scripts.KEYS, f"{scripts.OF_CONNECTION}{self._connection_id}", self._day()]
        rest = (limits.connection_percent, *slots, int(self._polls), *reported, self._connection_id)
        try:
            decision, milliseconds = self._take(keys=keys, args=[self._milliseconds(), *self._hour(), *rest])
        except RedisError as error:
            raise UnavailableError(msg("The API quota in Redis can't be reached."), error_code=REDIS) from error
        return decision, milliseconds * MILLISECOND

    def _refusal(self, decision: int, wait: timedelta) -> RateLimitedError:
        until = f"{(self._clock() + wait + MINUTE).astimezone(OSLO):%H:%M}"  # rounded up
        if decision == scripts.BLOCKED_BY_REMOTE:
            message = msg("24SevenOffice accepts no more requests until {time}.", time=until)
            return RateLimitedError(message, error_code=QUARANTINE, retry_after=wait)
        if decision == scripts.QUEUE_TOO_LONG:
            message = msg("Too many requests to 24SevenOffice are queued right now.")
            return RateLimitedError(message, error_code=TOO_MANY_REQUESTS, retry_after=wait)
        if decision == scripts.SHARE_EXHAUSTED:
            message = msg(
                "This connection has used its share of this hour's 24SevenOffice API quota. It continues at "
                "{time}.",
                time=until,
            )
            return RateLimitedError(message, error_code=SHARE, retry_after=wait)
        message = msg("This hour's 24SevenOffice API quota is used up. Syncing continues at {time}.", time=until)
        return RateLimitedError(message, error_code=BUDGET, retry_after=wait)

    def _hour(self) -> tuple[int, int]:
        """Return the limit of an hour and the reserved part of it."""
        limit = self._limits.per_hour
        return limit, limit * self._limits.reserve_percent // 100

    def _day(self) -> str:
        return f"{scripts.OF_DAY}{self._clock().astimezone(OSLO).date()}"

    def _with(self, **changes: object) -> Self:
        twin = copy.copy(self)
        vars(twin).update(changes)
        return twin

    def _until(self, instant: str) -> timedelta:
        return max(self._instant(instant) - self._clock(), timedelta(seconds=1))

    def _instant(self, text: str) -> datetime:
        try:
            return instant_of(datetime.fromisoformat(text))
        except ValueError:
            return self._clock() + DEFAULT_BLOCK
