from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.polling.expense_schedule import (
    MAX_INTERVAL,
    Activity,
    PollRound,
    PollState,
    activity,
    interval,
    is_office_hours,
    next_round,
)

MONDAY = datetime(2026, 3, 2, 11, tzinfo=UTC)  # noon in Oslo
EVENING, SUNDAY = MONDAY + timedelta(hours=9), MONDAY - timedelta(days=1)
ASKED, EVERY = timedelta(minutes=15), timedelta(seconds=10)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def rhythm(
    connection_id: int = 1,
    *,
    polled: timedelta | None = HOUR,
    news: timedelta | None = DAY,
    asked: timedelta = ASKED,
) -> PollState:
    """A connection that was polled and had changes so long before Monday noon."""
    instants = (None if ago is None else MONDAY - ago for ago in (polled, news))
    return PollState(connection_id, asked, *instants)


def round_of(*poll_states: PollState, hourly: int = 3600, free: int = 1000) -> PollRound:
    return next_round(poll_states, now=MONDAY, hourly=hourly, free=free, every=EVERY)


@pytest.mark.parametrize(
    ("now", "they_do"),
    [
        (MONDAY, True),
        (datetime(2026, 3, 2, 5, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 2, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 2, 16, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 2, 17, 0, tzinfo=UTC), False),
        (datetime(2026, 7, 6, 5, 0, tzinfo=UTC), True),  # summer time
        (datetime(2026, 3, 6, 12, tzinfo=UTC), True),  # a Friday
        (datetime(2026, 3, 7, 12, tzinfo=UTC), False),
        (SUNDAY, False),
    ],
)
def test_working_hours_are_monday_to_friday_by_day_in_oslo(now: datetime, they_do: bool) -> None:  # noqa: FBT001 - a column
    assert is_office_hours(now) is they_do


@pytest.mark.parametrize(
    ("news", "much"),
    [
        (None, Activity.RECENT),
        (timedelta(minutes=119), Activity.ACTIVE),
        (timedelta(hours=2), Activity.RECENT),
        (timedelta(days=6), Activity.RECENT),
        (timedelta(days=7), Activity.IDLE),
    ],
)
def test_activity_is_measured_by_the_last_change(news: timedelta | None, much: Activity) -> None:
    assert activity(rhythm(news=news), now=MONDAY) is much


@pytest.mark.parametrize(
    ("news", "now", "minutes"),
    [
        (HOUR, MONDAY, 15),
        (DAY, MONDAY, 15),
        (8 * DAY, MONDAY, 45),
        (-8 * HOUR, EVENING, 15),
        (DAY, EVENING, 60),
        (8 * DAY, EVENING, 90),
        (8 * DAY, SUNDAY, 90),
    ],
)
def test_outside_working_hours_polls_are_less_frequent(news: timedelta, now: datetime, minutes: int) -> None:
    assert interval(rhythm(news=news), now=now) == timedelta(minutes=minutes)


@pytest.mark.parametrize("asked", [timedelta(minutes=1), ASKED, timedelta(hours=1), DAY])
@pytest.mark.parametrize("news", [HOUR, DAY, 8 * DAY])
@pytest.mark.parametrize("now", [MONDAY, EVENING, SUNDAY])
def test_an_interval_is_between_the_configured_one_and_two_hours(
    asked: timedelta, news: timedelta, now: datetime
) -> None:
    assert asked <= interval(rhythm(asked=asked, news=news), now=now) <= max(asked, MAX_INTERVAL)


def test_with_enough_requests_each_is_polled_at_its_own_interval() -> None:
    fresh, due = rhythm(1, polled=timedelta(minutes=14)), rhythm(2, polled=ASKED)
    assert round_of(fresh, due).due == {2: ASKED}


def test_the_longest_wait_in_intervals_goes_first_and_counts_more_if_busy() -> None:
    urgent = [
        rhythm(5, polled=None),
        rhythm(4, polled=4 * ASKED),
        rhythm(6, polled=7 * ASKED, asked=2 * ASKED),
        rhythm(2, polled=2.2 * ASKED, news=HOUR),
        rhythm(3, polled=3.2 * ASKED),
        rhythm(1, polled=9 * ASKED, news=8 * DAY),
    ]
    assert list(round_of(*sorted(urgent, key=lambda each: each.connection_id)).due) == [5, 4, 6, 2, 3, 1]


@pytest.mark.parametrize(("hourly", "busy", "others"), [(2160, 1, 1), (720, 1.39, 2.08), (360, 2.78, 4.17)])
def test_busy_connections_slow_down_less_when_requests_run_out(hourly: int, busy: float, others: float) -> None:
    """The connections need 1200 polls an hour. Every other one is busy, and the busy ones get half of the polls."""
    asked = {number: timedelta(minutes=5 if number < 50 else 10) for number in range(150)}
    current = {number: rhythm(number, asked=asked[number], news=None) for number in asked}
    slower = dict[int, float]()
    for second in range(0, 3 * 3600, 10):
        now = MONDAY + timedelta(seconds=second)
        turn = next_round(current.values(), now=now, hourly=hourly, free=9999, every=EVERY)
        for number in list(turn.due)[: turn.limit]:
            slower[number] = (now - (current[number].polled_at or now)) / asked[number]
            current[number] = replace(current[number], polled_at=now, changed_at=None if number % 2 else now)
    assert slower == pytest.approx({number: others if number % 2 else busy for number in asked}, rel=0.1)


@pytest.mark.parametrize(
    ("hourly", "free", "limit"),
    [(3600, 1000, 10), (3500, 1000, 10), (1, 1000, 1), (3600, 3, 3), (3600, 0, 0), (0, 9, 0)],
)
def test_the_polls_of_an_hour_are_spread_over_it(hourly: int, free: int, limit: int) -> None:
    assert round_of(rhythm(), hourly=hourly, free=free).limit == limit


@pytest.mark.parametrize(("hourly", "free"), [(0, 100), (3600, 0)])
def test_without_requests_left_for_polls_none_is_sent(hourly: int, free: int) -> None:
    assert round_of(rhythm(), hourly=hourly, free=free) == PollRound({}, 0)


def test_a_connection_is_polled_once_per_interval_whatever_the_rounds() -> None:
    polls, current = 0, rhythm(polled=None)
    for second in range(0, 3600, 10):
        now = MONDAY + timedelta(seconds=second)
        if next_round([current], now=now, hourly=3600, free=100, every=EVERY).due:
            polls, current = polls + 1, replace(current, polled_at=now)
    assert polls == 4
