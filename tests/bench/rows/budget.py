"""``budget``: a working day of many connections on one budget, with as many polls as possible and with none."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from redis import Redis

from config.settings import Settings
from integrations.twentyfour.budget import Limits
from local import servers
from sync.polling.expense_schedule import Activity, PollState
from tests.bench.figures import Figures, Row, percentile
from tests.bench.simulation import HOUR, SECOND, Day, Polled, arrivals, max_within

CONNECTIONS, HOURS, EVENTS = 1000, 8, 30_000
LIMIT = 7200
STARTS = datetime(2026, 3, 2, 7, tzinfo=UTC)
"""Monday, eight in the morning in Oslo."""

BUSY_HOURS = (2, 4, 5, 3, 4, 5, 4, 3)
"""How the events of a day are spread over its hours."""

BURSTS, OF_A_BURST = 25, 160
"""Events at once, such as the invoices of a month."""

ASKED = (5, 5, 10, 10, 10, 15, 15, 15, 30, 60)
"""Poll intervals of the connections, in minutes: more polls in all than the budget allows."""

SILENT = 0.3
"""The share of connections without any event for a month."""

SPAN, ENOUGH = 5 * 60 * SECOND, 20
"""The period in milliseconds within which polls are compared, if there are many of them."""

MAX_UNEVENNESS = 1.25


def budget() -> Row:
    """Simulate the day with polls and without, and a flood."""
    rng = random.Random(24)  # noqa: S311 - the same day each time
    events, poll_states = _events(rng), _rhythms(rng)
    with TemporaryDirectory() as state, servers.redis(Path(state), port=0) as server:
        day = _played(server.url, events, poll_states)
        alone = _played(server.url, events)
        flood = _played(server.url, _flood(), retries=False)
    reached_them = [max_within(arrivals(each.left, rng=rng), HOUR) for each in (day, flood)]
    later = max(day.waited[number] - wait for number, wait in alone.waited.items())
    pace = _pace(day.polls)
    return Row(
        goal=f"<= {LIMIT} calls in any hour; no event later for a poll; polls slower evenly (p90 / p10 <= "
        f"{MAX_UNEVENNESS}), the busy first",
        reached=max(reached_them) <= LIMIT
        and later <= 0
        and pace["uneven_p95"] <= MAX_UNEVENNESS
        and pace["slower_busy"] < pace["slower_others"],
        figures={
            "most_in_an_hour": reached_them[0],
            "most_in_an_hour_of_a_flood": reached_them[1],
            "most_in_a_second": max(max_within(each.left, SECOND) for each in (day, flood)),
            "events": len(day.waited),
            "event_later_for_polls_ms": later,
            "event_waited_p99_ms": percentile(list(day.waited.values()), 99),
            "polls": len(day.polls),
            "polls_refused": day.refused_polls,
            **pace,
        },
    )


def _played(
    url: str, events: Sequence[tuple[int, int]], poll_states: Sequence[PollState] = (), *, retries: bool = True
) -> Day:
    limits = Limits(
        per_hour=Settings.model_fields["twentyfour_requests_per_hour"].default,
        per_second=Settings.model_fields["twentyfour_requests_per_second"].default,
        connection_percent=Settings.model_fields["twentyfour_connection_percent"].default,
    )
    with Redis.from_url(url) as redis:
        redis.flushall()
        day = Day(redis, limits, STARTS, retries=retries)
        day.play(events, {each.connection_id: each for each in poll_states}, hours=HOURS)
    return day


def _events(rng: random.Random) -> Sequence[tuple[int, int]]:
    """Make the day's events: most from few connections, some many at once."""
    start, awake = round(STARTS.timestamp() * SECOND), range(int(CONNECTIONS * (1 - SILENT)))
    weights = [1 / (rank + 10) for rank in awake]
    hours = rng.choices(range(HOURS), BUSY_HOURS, k=EVENTS - BURSTS * OF_A_BURST)
    events = [(start + hour * HOUR + rng.randrange(HOUR), rng.choices(awake, weights)[0]) for hour in hours]
    for _ in range(BURSTS):
        at, owner = start + rng.randrange(HOURS * HOUR), rng.choice(awake)
        events += [(at, owner)] * OF_A_BURST
    return sorted(events)


def _rhythms(rng: random.Random) -> Sequence[PollState]:
    """Make the poll states of the connections in the morning."""
    made = []
    for number in range(CONNECTIONS):
        asked = timedelta(minutes=rng.choice(ASKED))
        news = timedelta(days=30 if number >= CONNECTIONS * (1 - SILENT) else 1)
        made.append(PollState(number, asked, STARTS - asked * rng.random(), STARTS - news))
    return made


def _flood() -> Sequence[tuple[int, int]]:
    """Make twice as many events as the budget allows, of many connections, which are not retried."""
    start = round(STARTS.timestamp() * SECOND)
    return [(start + number * SECOND // 4, number % 50) for number in range(90 * 60 * 4)]


def _pace(polls: Sequence[Polled]) -> Figures:
    """Return the intervals of polls after the first hour, when the morning's disorder has settled."""
    together = defaultdict(list)
    for poll in polls:
        if poll.at >= polls[0].at + HOUR:
            together[poll.at // SPAN, poll.life].append(poll.slower)
    many = {key: each for key, each in together.items() if len(each) >= ENOUGH}
    uneven = [percentile(each, 90) / percentile(each, 10) for each in many.values()]
    busy = [median(each) for (_, life), each in many.items() if life is Activity.ACTIVE]
    others = [median(each) for (_, life), each in many.items() if life is not Activity.ACTIVE]
    return {
        "slower_busy": median(busy),
        "slower_busy_most": max(busy),
        "slower_others": median(others),
        "slower_others_most": max(others),
        "uneven": median(uneven),
        "uneven_p95": percentile(uneven, 95),
    }
