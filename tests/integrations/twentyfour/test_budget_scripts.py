"""The budget on a real Redis with a simulated time: who gets which requests, and that it is never too many."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from integrations.twentyfour.budget import BURST, Budget, Limits, Usage
from integrations.twentyfour.budget_scripts import OF_DAY
from sync.errors import UnavailableError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
OTHER = 99


class Day:
    """A budget with its own clock, and when requests left."""

    def __init__(self, redis: Redis, **limits: int) -> None:
        redis.flushall()
        self.redis = redis
        self.at = int(NOW.timestamp() * SECOND)
        self.left: list[int] = []
        wanted = Limits(**{"per_hour": 100, "per_second": 1000, "connection_percent": 75, **limits})
        self.budget = Budget(
            redis, limits=wanted, clock=self.clock, sleep=self._sleep, milliseconds=lambda: self.at
        )
        self._slept, self._asks_again = 0, False

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.at / SECOND, UTC)

    def ask(self, connection_id: int = 1, *, poll: bool = False) -> UnavailableError | int:
        """Return after how many milliseconds the request left, or why it did not; the clock stands still.

        So a poll that would have to ask again does not.
        """
        budget, self._slept, self._asks_again = self.budget.for_connection(connection_id), 0, poll
        try:
            (budget.for_polls() if poll else budget).acquire()
        except UnavailableError as refusal:
            return refusal
        self.left.append(self.at + self._slept)
        return self._slept

    def take(self, limit: int, connection_id: int = 1, *, poll: bool = False, gap: int = 10) -> int:
        """Ask ``limit`` times, and return how many were granted."""
        got = 0
        for _ in range(limit):
            got += isinstance(self.ask(connection_id, poll=poll), int)
            self.at += gap
        return got

    def usage(self) -> Usage:
        usage = self.budget.usage()
        assert usage
        return usage

    def _sleep(self, seconds: float) -> None:
        if self._asks_again:
            raise UnavailableError("Not yet.", retry_after=timedelta(seconds=seconds))
        self._slept += round(seconds * SECOND)


def max_within(left: list[int], span: int) -> int:
    """Return the most requests that left within any period of ``span`` milliseconds."""
    times, start, limit = sorted(left), 0, 0
    for end, at in enumerate(times):
        while at - times[start] >= span:
            start += 1
        limit = max(limit, end - start + 1)
    return limit


def test_requests_of_a_connection_are_counted_by_oslo_days(redis: Redis) -> None:
    day = Day(redis)
    day.at += 11 * HOUR - MINUTE  # a minute before midnight in Oslo
    day.take(2), day.take(1, OTHER, poll=True)
    assert day.budget.requests_today() == {1: 2, OTHER: 1}
    day.at += MINUTE
    assert day.budget.requests_today() == {}
    day.take(3), day.take(1, OTHER)
    day.budget.for_connection(1).forget()
    assert day.budget.requests_today() == {OTHER: 1}


REQUESTS = st.tuples(
    st.one_of(
        st.integers(0, 200),
        st.integers(0, 90 * SECOND),
        st.integers(0, 70 * MINUTE),
        st.integers(59 * MINUTE, 61 * MINUTE),
    ),
    st.integers(1, 30),
    st.integers(1, 3),
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    arrivals=st.lists(REQUESTS, max_size=40),
    limit=st.integers(1, 40),
    second=st.integers(1, 25),
    reserve=st.integers(0, 90),
)
def test_no_hour_and_no_second_has_too_many_requests_in_any_pattern(
    redis: Redis, arrivals: list[tuple[int, int, int, bool]], limit: int, second: int, reserve: int
) -> None:
    day = Day(redis, per_hour=limit, per_second=second, reserve_percent=reserve)
    for pause, many, connection_id, poll in arrivals:
        day.at += pause
        day.take(many, connection_id, poll=poll, gap=pause % 7)
    assert max_within(day.left, HOUR + 50 * SECOND) <= limit
    assert max_within(day.left, SECOND) <= second + BURST


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(arrivals=st.lists(REQUESTS, max_size=30), second=st.integers(1, 25))
def test_polls_do_not_delay_events(redis: Redis, arrivals: list[tuple[int, int, int, bool]], second: int) -> None:
    """As long as they are no more in an hour than the reserve."""

    def play(*, with_polls: bool) -> list[UnavailableError | int]:
        day = Day(redis, per_hour=2000, per_second=second, reserve_percent=90, connection_percent=99)
        answers = []
        for pause, many, connection_id, poll in arrivals:
            day.at += pause
            for _ in range(many):
                if poll and with_polls:
                    day.ask(connection_id, poll=True)
                elif not poll:
                    answers.append(day.ask(connection_id))
        return [answer if isinstance(answer, int) else -1 for answer in answers]

    assert play(with_polls=True) == play(with_polls=False)


def test_a_granted_request_counts_for_an_hour_and_not_much_longer(redis: Redis) -> None:
    day = Day(redis, per_hour=10, connection_percent=99)
    assert day.take(20) == 10
    day.at += 61 * MINUTE - SECOND
    assert day.take(1) == 0
    day.at += MINUTE + SECOND
    assert day.take(20) == 10


def test_a_refusal_says_when_the_first_requests_are_an_hour_old(redis: Redis) -> None:
    day = Day(redis, per_hour=10, connection_percent=99)
    day.take(10)
    refusal = day.ask()
    assert isinstance(refusal, UnavailableError)
    assert refusal.retry_after
    day.at += int(refusal.retry_after.total_seconds() * SECOND) - 1
    assert isinstance(day.ask(), UnavailableError)
    day.at += 1
    assert day.ask() == 0


def test_polls_leave_the_reserve_to_events(redis: Redis) -> None:
    day = Day(redis, connection_percent=99)
    assert day.take(100, poll=True) == 50
    assert day.take(100, OTHER) == 50


def test_polls_leave_room_for_the_last_hours_events_plus_a_tenth(redis: Redis) -> None:
    day = Day(redis, connection_percent=99)
    day.take(70)
    assert day.take(100, OTHER, poll=True) == 20
    assert day.take(100, OTHER) == 10


def test_one_connection_alone_gets_most_and_leaves_some(redis: Redis) -> None:
    day = Day(redis)
    assert day.take(200) == 75
    assert day.take(200, 2) == 19
    assert day.take(200, 3) == 5
    assert day.take(200) == 0


def test_connections_that_take_all_they_get_share_equally(redis: Redis) -> None:
    day = Day(redis, per_hour=1000)
    got = dict.fromkeys(range(1, 5), 0)
    for _ in range(400):
        for connection_id in got:
            got[connection_id] += day.take(1, connection_id)
    assert max(got.values()) - min(got.values()) <= 1
    assert day.take(100, OTHER) > 50


def test_24sevenoffices_lower_number_of_requests_left_applies(redis: Redis) -> None:
    day = Day(redis)
    day.budget.record_response(200, {"APILimitRemaining": "20", "APILimitReset": "2026-03-02T13:00:00Z"})
    assert day.take(200, 1) == 15
    usage = day.usage()
    assert (usage.allowed, usage.used, usage.remaining) == (20, 15, 5)
    day.at = int(NOW.timestamp() * SECOND) + HOUR
    usage = day.usage()
    assert (usage.allowed, usage.used, usage.remaining) == (100, 15, 85)


@pytest.mark.parametrize(("theirs", "polls"), [(40, 20), (100, 50), (900, 450), (1200, 500)])
def test_if_24sevenoffices_limit_is_lower_polls_get_fewer_and_events_keep_their_part(
    redis: Redis, theirs: int, polls: int
) -> None:
    """Their hours begin on the full hour. Polls get fewer requests, spread evenly."""
    day = Day(redis, per_hour=1000, connection_percent=99)
    given: list[int] = []
    left = theirs
    for second in range(0, 3600, 2):
        day.at = int(NOW.timestamp() * SECOND) + second * SECOND
        day.budget.record_response(200, {"APILimitRemaining": str(left), "APILimitReset": "2026-03-02T13:00:00Z"})
        if second == 0:
            assert day.ask() == 0  # what was said goes along with it
        elif day.usage().polls_per_hour * second // 3600 > len(given) and day.ask(OTHER, poll=True) == 0:
            given.append(second)
        left = theirs - 1 - len(given)
    assert polls * 0.95 - 1 <= len(given) <= polls
    assert len([second for second in given if second < 1200]) == pytest.approx(len(given) / 3, abs=2)
    assert day.take(1000, OTHER + 1, gap=1) >= polls * 0.9 - 2  # within their hour


def test_outdated_reports_change_nothing(redis: Redis) -> None:
    day = Day(redis)
    for left, reset in ((30, "13"), (60, "13"), (10, "12")):
        day.budget.record_response(
            200, {"APILimitRemaining": str(left), "APILimitReset": f"2026-03-02T{reset}:00:00Z"}
        )
        day.take(1)
    assert day.usage().remaining == 27


@pytest.mark.parametrize(("left", "given"), [(0, 1), (30, 1), (7000, 20)])
def test_after_a_surprise_single_requests_probe_whether_the_next_hour_has_begun(
    redis: Redis, left: int, given: int
) -> None:
    """At the hour, the whole limit may be available, or nothing yet if each request counts for its own hour."""
    day = Day(redis, per_hour=1000)
    day.at += 30 * MINUTE
    for _ in range(2):  # what was said goes along with the next request
        day.budget.record_response(
            200, {"APILimitRemaining": str(left or 1), "APILimitReset": "2026-03-02T13:00:00Z"}
        )
        day.ask()
    day.at += 30 * MINUTE
    assert day.take(20) == given
    day.at += 5 * SECOND
    day.budget.record_response(200, {"APILimitRemaining": "900", "APILimitReset": "2026-03-02T14:00:00Z"})
    assert day.take(20) == 20


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(arrivals=st.lists(REQUESTS, max_size=30), begins=st.integers(0, 59))
def test_the_limit_holds_whichever_hour_24sevenoffice_counts(
    redis: Redis, arrivals: list[tuple[int, int, int, bool]], begins: int
) -> None:
    """Any hour, or its own, whenever that begins; it reports what is left of its own."""
    day, theirs = Day(redis, per_hour=40), begins * MINUTE
    for pause, many, connection_id, poll in arrivals:
        day.at += pause
        for _ in range(many):
            day.ask(connection_id, poll=poll)
            began = day.at - (day.at - theirs) % HOUR
            left = 40 - sum(at >= began for at in day.left)
            ends = datetime.fromtimestamp((began + HOUR) / SECOND, UTC)
            day.budget.record_response(
                200, {"APILimitRemaining": str(max(left, 1)), "APILimitReset": ends.isoformat()}
            )
    assert max_within(day.left, HOUR) <= 40
    by_hour = [(at - theirs) // HOUR for at in day.left]
    assert max(map(by_hour.count, by_hour), default=0) <= 40


def test_a_higher_number_of_requests_left_is_ignored(redis: Redis) -> None:
    day = Day(redis)
    day.budget.record_response(200, {"APILimitRemaining": "7199", "APILimitReset": "2026-03-02T13:00:00Z"})
    assert day.take(200) == 75


def test_a_poll_takes_a_turn_that_no_event_can_still_use(redis: Redis) -> None:
    day = Day(redis, per_second=20)
    assert day.ask(poll=True) == 0
    assert day.ask(poll=True) != 0
    assert [day.ask() for _ in range(4)] == [0, 0, 0, 50]
    day.at += 250
    assert day.ask(poll=True) == 0


@pytest.mark.parametrize(("events", "naps"), [(0, []), (3, [4]), (5, [])])
def test_a_poll_asks_again_when_events_may_be_done_but_not_forever(
    redis: Redis, events: int, naps: list[float]
) -> None:
    day, slept = Day(redis, per_second=1), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        day.at += round(seconds * SECOND)

    for _ in range(events):
        day.ask()
    limits = Limits(per_hour=100, per_second=1, connection_percent=75)
    poll = Budget(redis, limits=limits, clock=day.clock, sleep=sleep, milliseconds=lambda: day.at).for_polls()
    if events < 5:
        poll.acquire()
    else:
        with pytest.raises(UnavailableError):
            poll.acquire()
    assert slept == naps


def test_the_state_of_the_budget_can_be_read(redis: Redis) -> None:
    day = Day(redis)
    day.take(5)
    day.take(3, poll=True)
    usage = day.usage()
    assert (usage.allowed, usage.used, usage.events, usage.polls) == (100, 8, 5, 3)
    assert (usage.remaining, usage.reserved, usage.available_for_polls, usage.polls_per_hour) == (92, 45, 47, 50)
    assert usage.blocked_until is None
    day.budget.block(timedelta(minutes=3))
    assert day.usage().blocked_until == day.clock() + timedelta(minutes=3)
    assert day.usage().available_for_polls == 0


def test_memory_is_bounded_and_expires(redis: Redis) -> None:
    day = Day(redis, per_hour=7000, per_second=1000, connection_percent=99)
    for connection_id in range(1, 4):
        for _ in range(200):
            day.ask(connection_id)
            day.at += 90 * SECOND
    keys = redis.keys("*")
    days = [key for key in keys if OF_DAY in str(key)]
    hashes = [key for key in keys if redis.type(key) == b"hash"]
    assert len(keys) == 5 + len(days)
    assert len(days) == 2
    assert all(redis.hlen(key) <= 62 for key in hashes)
    assert all(0 < redis.ttl(key) <= (24 * 3600 if key in days else 63 * 60) for key in keys)


@pytest.mark.parametrize("text", ["", "soon", "-1"])
def test_unreadable_limit_headers_are_ignored(redis: Redis, text: str) -> None:
    day = Day(redis)
    day.budget.record_response(200, {"APILimitRemaining": text, "APILimitReset": "2026-03-02T13:00:00Z"})
    assert day.take(200) == 75
