from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.pacing import LONGEST, Life, Rhythm, Round, interval, life, next_round, people_work

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
) -> Rhythm:
    """One that was polled and had news so long before Monday noon."""
    instants = (None if ago is None else MONDAY - ago for ago in (polled, news))
    return Rhythm(connection_id, asked, *instants)


def round_of(*rhythms: Rhythm, hourly: int = 3600, free: int = 1000) -> Round:
    return next_round(rhythms, now=MONDAY, hourly=hourly, free=free, every=EVERY)


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
def test_people_work_from_monday_to_friday_by_day_in_oslo(now: datetime, they_do: bool) -> None:  # noqa: FBT001 - a column
    assert people_work(now) is they_do


@pytest.mark.parametrize(
    ("news", "much"),
    [
        (None, Life.AWAKE),
        (timedelta(minutes=119), Life.LIVELY),
        (timedelta(hours=2), Life.AWAKE),
        (timedelta(days=6), Life.AWAKE),
        (timedelta(days=7), Life.QUIET),
    ],
)
def test_how_much_goes_on_is_told_by_the_last_news(news: timedelta | None, much: Life) -> None:
    assert life(rhythm(news=news), now=MONDAY) is much


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
def test_who_is_not_at_work_is_polled_less_often(news: timedelta, now: datetime, minutes: int) -> None:
    assert interval(rhythm(news=news), now=now) == timedelta(minutes=minutes)


@pytest.mark.parametrize("asked", [timedelta(minutes=1), ASKED, timedelta(hours=1), DAY])
@pytest.mark.parametrize("news", [HOUR, DAY, 8 * DAY])
@pytest.mark.parametrize("now", [MONDAY, EVENING, SUNDAY])
def test_an_interval_is_never_shorter_than_asked_for_and_not_made_longer_than_two_hours(
    asked: timedelta, news: timedelta, now: datetime
) -> None:
    assert asked <= interval(rhythm(asked=asked, news=news), now=now) <= max(asked, LONGEST)


def test_while_there_are_requests_enough_each_is_polled_at_its_own_interval() -> None:
    fresh, due = rhythm(1, polled=timedelta(minutes=14)), rhythm(2, polled=ASKED)
    assert round_of(fresh, due).due == {2: ASKED}


def test_where_requests_are_short_all_get_slower_by_the_same_factor() -> None:
    rhythms = [
        *(rhythm(number) for number in range(100)),
        *(rhythm(number, news=HOUR, asked=timedelta(minutes=5)) for number in range(100, 150)),
    ]
    due = round_of(*rhythms, hourly=250).due  # they ask for 400 and 600
    assert due == {**dict.fromkeys(range(100, 150), timedelta(minutes=20)), **dict.fromkeys(range(100), HOUR)}
    assert list(due)[:50] == list(range(100, 150))


def test_the_busy_come_first_and_then_those_who_have_waited_longest() -> None:
    order = [
        rhythm(4, news=HOUR, polled=2 * ASKED),
        rhythm(2, news=HOUR, polled=ASKED),
        rhythm(5, polled=None),
        rhythm(3, polled=3 * ASKED),
        rhythm(1, polled=2 * ASKED),
        rhythm(6, polled=DAY, news=8 * DAY),
    ]
    assert list(round_of(*sorted(order, key=lambda each: each.connection_id)).due) == [4, 2, 5, 3, 1, 6]


@pytest.mark.parametrize(
    ("hourly", "free", "most"),
    [(3600, 1000, 10), (3500, 1000, 10), (1, 1000, 1), (3600, 3, 3), (3600, 0, 0), (0, 9, 0)],
)
def test_the_polls_of_an_hour_are_spread_over_it(hourly: int, free: int, most: int) -> None:
    assert round_of(rhythm(), hourly=hourly, free=free).most == most


@pytest.mark.parametrize(("hourly", "free"), [(0, 100), (3600, 0)])
def test_where_nothing_is_left_for_polls_nobody_is_polled(hourly: int, free: int) -> None:
    assert round_of(rhythm(), hourly=hourly, free=free) == Round({}, 0)


def test_the_same_connection_is_not_polled_twice_in_its_interval_however_many_rounds_there_are() -> None:
    polls, current = 0, rhythm(polled=None)
    for second in range(0, 3600, 10):
        now = MONDAY + timedelta(seconds=second)
        if next_round([current], now=now, hourly=3600, free=100, every=EVERY).due:
            polls, current = polls + 1, replace(current, polled=now)
    assert polls == 4
