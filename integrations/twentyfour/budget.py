"""The request budget for 24SevenOffice: one for the whole installation, kept in Redis.

24SevenOffice counts an integration's requests across all customers, and locks it out if there are too many.
Each worker therefore takes a request from this budget first, and a refusal to one worker stops all of them.
:mod:`~integrations.twentyfour.budget_scripts` explains how requests are counted and which have priority.
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
from integrations.retry_after import wait_asked_for
from integrations.twentyfour import budget_scripts as scripts
from integrations.twentyfour.error_mapping import QUARANTINE
from integrations.twentyfour.instants import instant_of
from sync.errors import RateLimitedError, UnavailableError

MAX_WAIT = timedelta(seconds=5)  # for a turn; waiting is cheaper than retrying
BURST = 3  # sent at once after a pause: with 20 a second, no second has more than 23
MAX_BLOCK = timedelta(hours=1)  # whatever 24SevenOffice asks for
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
    reserve_percent: int = 50
    connection_percent: int = 75


@dataclass(frozen=True, slots=True)
class Usage:
    """The state of the budget, in requests. Those of the last hour are counted by whole minutes, rounded up.

    ``allowed`` is the hourly limit, lower than in the settings if 24SevenOffice said so. ``remaining`` may be sent
    now, and ``reserved`` of it are for webhooks. ``events`` and ``polls`` were sent in the last hour. Nothing is
    sent until ``blocked_until`` (UTC).
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
        """How many polls an hour like the last one would allow, however many were made."""
        return max(0, self.allowed - self.events - self.reserved)


class Budget:
    """Gives requests to all workers of an installation: by default for webhooks, on no connection's account.

    ``milliseconds`` returns the time of a simulation; by default it is Redis' time. ``on_refused`` is called for
    each refused request: whether it was a poll's, and the reason.
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
        self._ticks: Callable[[], int | str] = milliseconds or (lambda: "")
        self._refused = on_refused
        self._heard: list[tuple[int, int]] = []  # the last report of the limit; shared by the copies
        self._connection_id, self._polls = 0, False

    @property
    def connection_id(self) -> int:
        """The connection whose account the requests are on, 0 for none."""
        return self._connection_id

    def for_connection(self, connection_id: int) -> Self:
        return self._with(_connection_id=connection_id)

    def for_polls(self) -> Self:
        """Return the same budget for polls, which get what webhooks leave."""
        return self._with(_polls=True)

    def acquire(self) -> None:
        """Take one request, after waiting at most ``MAX_WAIT`` for its turn.

        Raises RateLimitedError if there is none for a while. Raises UnavailableError if Redis is down: going on
        without it would risk a lock-out of all customers, and the queue is down then anyway.
        """
        patience = MAX_WAIT
        answer, wait = self._ask()
        while answer == scripts.WAIT and wait <= patience:
            patience -= wait
            self._sleep(wait.total_seconds())
            answer, wait = self._ask()
        if answer != scripts.GRANTED:
            refusal = self._refusal(answer, wait)
            self._refused(self._polls, refusal.error_code)
            raise refusal
        if wait:
            self._sleep(wait.total_seconds())

    def forget(self) -> None:
        """Reset the connection's own count; the common count stays. Raises RedisError."""
        self._redis.delete(f"{scripts.OF_CONNECTION}{self._connection_id}")
        self._redis.hdel(self._day(), str(self._connection_id))

    def requests_today(self) -> Mapping[int, int] | None:
        """Return how many requests each connection has sent since midnight in Oslo, 0 for those on no account.

        Connections that have sent none are left out. None while Redis is down.
        """
        try:
            counts = self._redis.hgetall(self._day())
        except RedisError:
            return None
        return {int(connection_id): int(number) for connection_id, number in counts.items()}

    def usage(self) -> Usage | None:
        """Return the state of the budget; None while Redis is down."""
        try:
            hour, events, polls, left, reserved, blocked, now = self._look(
                keys=scripts.KEYS[:4], args=[self._ticks(), *self._hour()]
            )
        except RedisError:
            return None
        until = datetime.fromtimestamp(blocked / 1000, UTC) if blocked > now else None
        return Usage(hour, max(0, left), events, polls, reserved, until)

    def record_response(self, status: int, headers: Mapping[str, str]) -> timedelta | None:
        """Follow what a response says about the limit; if it refused the call, return how long to wait.

        The number of requests left is passed on with the next request, where it costs no extra round trip.
        """
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            asked = wait_asked_for(headers)
            return self.block(timedelta(seconds=1) if asked is None else asked)
        left, reset = headers.get("APILimitRemaining", "").strip(), headers.get("APILimitReset", "")
        if left.isdecimal() and reset:
            ends = min(self._instant(reset), self._clock() + MAX_BLOCK)
            self._heard[:] = [(int(left[:9]), int(ends.timestamp() * 1000))]
        if left == "0":
            self.block(self._until(reset), why=scripts.EXHAUSTED)
        return None

    def record_quarantine(self, message: str) -> timedelta | None:
        """Follow a fault that says when a quarantine ends; None if the message is about something else."""
        told = re.search(QUARANTINE, message, re.IGNORECASE)
        return self.block(self._until(told["end"].rstrip(" ."))) if told else None

    def block(self, wait: timedelta, *, why: int = scripts.BLOCKED_BY_REMOTE) -> timedelta:
        """Stop all workers for so long, or longer if they are stopped already.

        Never raises: the response that asked for it may be that of a call that saved something.
        """
        wait = min(wait, MAX_BLOCK)
        with suppress(RedisError):
            self._block(keys=[scripts.BLOCKED], args=[self._ticks(), max(wait // MILLISECOND, 1), why])
        return wait

    def _ask(self) -> tuple[int, timedelta]:
        limits = self._limits
        heard = self._heard[0] if self._heard else ("", "")
        turns = (-(-1000 // limits.per_second), BURST, MAX_WAIT // MILLISECOND)
        keys = [*scripts.KEYS, f"{scripts.OF_CONNECTION}{self._connection_id}", self._day()]
        rest = (limits.connection_percent, *turns, int(self._polls), *heard, self._connection_id)
        try:
            answer, milliseconds = self._take(keys=keys, args=[self._ticks(), *self._hour(), *rest])
        except RedisError as error:
            raise UnavailableError(msg("The API quota in Redis can't be reached."), error_code="redis") from error
        return answer, milliseconds * MILLISECOND

    def _refusal(self, answer: int, wait: timedelta) -> RateLimitedError:
        until = f"{(self._clock() + wait + MINUTE).astimezone(OSLO):%H:%M}"  # rounded up
        if answer == scripts.BLOCKED_BY_REMOTE:
            message = msg("24SevenOffice accepts no more requests until {time}.", time=until)
            return RateLimitedError(message, error_code="quarantine", retry_after=wait)
        if answer == scripts.QUEUE_TOO_LONG:
            message = msg("Too many requests to 24SevenOffice are queued right now.")
            return RateLimitedError(message, error_code="too_many_requests", retry_after=wait)
        if answer == scripts.SHARE_EXHAUSTED:
            message = msg(
                "This connection has used its share of this hour's 24SevenOffice API quota. It continues at "
                "{time}.",
                time=until,
            )
            return RateLimitedError(message, error_code="share", retry_after=wait)
        message = msg("This hour's 24SevenOffice API quota is used up. Syncing continues at {time}.", time=until)
        return RateLimitedError(message, error_code="budget", retry_after=wait)

    def _hour(self) -> tuple[int, int]:
        """Return the limit of an hour and how much of it is reserved."""
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
