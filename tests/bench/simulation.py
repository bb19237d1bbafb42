"""A simulated day of the budget in seconds: the real script on a real Redis, with a simulated time."""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

from redis import Redis

from integrations.twentyfour.budget import MAX_WAIT, Budget, Limits
from sync.errors import UnavailableError
from sync.polling.expense_schedule import Activity, PollState, activity, interval, next_round

SECOND, HOUR = 1000, 3_600_000
ROUND = timedelta(seconds=10)
POLL_TIMEOUT_MS = MAX_WAIT // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Polled:
    """One poll: when, the interval before it, and that interval with enough requests for all."""

    at: int
    after: timedelta
    wished: timedelta
    life: Activity

    @property
    def slower(self) -> float:
        return self.after / self.wished


@dataclass
class Day:
    """A simulated day: when requests left, how long each event waited, and the polls.

    ``redis`` is empty and for this day alone, and the day ``starts`` in UTC. ``retries`` is whether a refused event
    is retried.
    """

    redis: Redis
    limits: Limits
    starts: datetime
    retries: bool = True
    left: list[int] = field(default_factory=list)
    waited: dict[int, int] = field(default_factory=dict)
    polls: list[Polled] = field(default_factory=list)
    refused_polls: int = 0

    def __post_init__(self) -> None:
        self.now = round(self.starts.timestamp() * SECOND)
        self._steps: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._nap = 0
        self._budget = Budget(
            self.redis, limits=self.limits, clock=self._clock, sleep=self._sleep, milliseconds=lambda: self.now
        )

    def play(self, events: Iterable[tuple[int, int]], poll_states: Mapping[int, PollState], *, hours: int) -> None:
        """Simulate events, each at an instant and of a connection, and poll these connections if any."""
        self._rhythms, self._until = dict(poll_states), self.now + hours * HOUR
        for number, (at, connection_id) in enumerate(events):
            self._plan(at, partial(self._event, number, connection_id, came=at))
        if poll_states:
            self._plan(self.now, self._round)
        while self._steps:
            self.now, _, step = heapq.heappop(self._steps)
            step()

    def _plan(self, at: int, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (at, next(self._numbers), step))

    def _event(self, number: int, connection_id: int, *, came: int) -> None:
        """Try until a request is granted, again when the budget says so."""
        self._heard(connection_id)
        try:
            wait = self._take(self._budget.for_connection(connection_id))
        except UnavailableError as refusal:
            again = self.now + _milliseconds(refusal.retry_after or timedelta(seconds=1))
            if self.retries:
                self._plan(again, partial(self._event, number, connection_id, came=came))
        else:
            self.waited[number] = self.now + wait - came

    def _round(self) -> None:
        usage, now = self._budget.usage(), self._clock()
        assert usage
        hourly, free = usage.polls_per_hour, usage.available_for_polls
        turn = next_round(self._rhythms.values(), now=now, hourly=hourly, free=free, every=ROUND)
        for place, connection_id in enumerate(list(turn.due)[: turn.limit]):  # they come to a worker one by one
            at = self.now + place * SECOND // self.limits.per_second
            self._plan(at, partial(self._poll, connection_id, since=at))
        if self.now < self._until:
            self._plan(self.now + _milliseconds(ROUND), self._round)

    def _poll(self, connection_id: int, *, since: int) -> None:
        try:
            self._take(self._budget.for_connection(connection_id).for_polls(), poll=True)
        except _AgainError as again:
            if again.at - since <= POLL_TIMEOUT_MS:
                self._plan(again.at, partial(self._poll, connection_id, since=since))
            else:
                self.refused_polls += 1
        except UnavailableError:
            self.refused_polls += 1
        else:
            self._note(connection_id)

    def _take(self, budget: Budget, *, poll: bool = False) -> int:
        self._nap, self._polling = 0, poll
        budget.acquire()
        self.left.append(self.now + self._nap)
        return self._nap

    def _sleep(self, seconds: float) -> None:
        """Record a wait; a poll's wait ends the attempt, as other polls come meanwhile."""
        if self._polling:
            raise _AgainError(self.now + round(seconds * SECOND))
        self._nap = round(seconds * SECOND)

    def _heard(self, connection_id: int) -> None:
        if connection_id in self._rhythms:
            self._rhythms[connection_id] = replace(self._rhythms[connection_id], changed_at=self._clock())

    def _note(self, connection_id: int) -> None:
        poll_state, now = self._rhythms[connection_id], self._clock()
        if poll_state.polled_at:
            wished = interval(poll_state, now=now)
            self.polls.append(Polled(self.now, now - poll_state.polled_at, wished, activity(poll_state, now=now)))
        self._rhythms[connection_id] = replace(poll_state, polled_at=now)

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self.now / SECOND, UTC)


class _AgainError(Exception):
    """A poll is to ask again at an instant."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def max_within(times: Iterable[int], span: int) -> int:
    """Return the most instants within any period of ``span`` milliseconds."""
    ordered, start, limit = sorted(times), 0, 0
    for end, at in enumerate(ordered):
        while at - ordered[start] >= span:
            start += 1
        limit = max(limit, end - start + 1)
    return limit


def arrivals(left: Iterable[int], *, rng: random.Random) -> list[int]:
    """Return when requests reach 24SevenOffice: mostly at once, one in fifty after up to fifteen seconds."""
    return [at + rng.randrange(15 * SECOND if rng.random() < 1 / 50 else SECOND // 2) for at in left]


def _milliseconds(wait: timedelta) -> int:
    return wait // timedelta(milliseconds=1)
