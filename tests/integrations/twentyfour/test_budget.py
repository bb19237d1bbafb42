from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.twentyfour.budget import DEFAULT_BLOCK, MAX_BLOCK, Budget, Limits
from integrations.twentyfour.budget_scripts import BLOCKED
from sync.errors import RateLimitedError, UnavailableError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


def budget_of(
    redis: Redis, *, per_hour: int = 7000, per_second: int = 1000, naps: list[float] | None = None
) -> Budget:
    return Budget(
        redis,
        limits=Limits(per_hour=per_hour, per_second=per_second, connection_percent=75),
        clock=lambda: NOW,
        sleep=(naps if naps is not None else []).append,
    )


def refusal_of(budget: Budget) -> UnavailableError:
    with pytest.raises(UnavailableError) as raised:
        budget.acquire()
    return raised.value


def wait_of(budget: Budget) -> timedelta:
    wait = refusal_of(budget).retry_after
    assert wait is not None
    return wait


def test_all_workers_share_the_requests_of_an_hour(redis: Redis) -> None:
    one, other = budget_of(redis, per_hour=3), budget_of(redis, per_hour=3)
    for budget in (one, other, one):
        budget.acquire()
    assert timedelta(hours=1) < wait_of(other) <= timedelta(minutes=62)


def test_after_a_few_at_once_requests_take_turns_until_the_queue_is_too_long(redis: Redis) -> None:
    naps: list[float] = []
    one, other = (budget_of(redis, per_second=1, naps=naps) for _ in range(2))
    for budget in (one, other, one, other, one):
        budget.acquire()
    first, second = naps
    assert 0 < first <= 1 < second <= 2
    for _ in range(3):
        one.acquire()
    assert wait_of(other) > timedelta(seconds=5)


def test_a_block_applies_to_all_workers_and_only_gets_longer(redis: Redis) -> None:
    one, other = budget_of(redis), budget_of(redis)
    one.block(timedelta(minutes=10))
    one.block(timedelta(seconds=1))
    assert wait_of(other) > timedelta(minutes=9)
    one.block(timedelta(minutes=20))
    assert wait_of(other) > timedelta(minutes=19)


def test_a_block_ends(redis: Redis) -> None:
    budget = budget_of(redis)
    budget.block(timedelta(milliseconds=1))
    while redis.exists(BLOCKED):
        pass
    budget.acquire()


@pytest.mark.parametrize(
    ("status", "headers", "asked"),
    [
        (429, {"Retry-After": "30"}, timedelta(seconds=30)),
        (429, {}, timedelta(seconds=1)),
        (429, {"Retry-After": "Sun, 01 Mar 2026 12:01:00 GMT"}, timedelta(seconds=1)),
        (429, {"Retry-After": "Sun, 01 Mar 2026 12:11:00 GMT", "Date": DATE}, timedelta(minutes=11)),
        (429, {"Retry-After": "Sunday, 01-Mar-26 12:11:00 GMT", "Date": DATE}, timedelta(minutes=11)),
        (429, {"Retry-After": "Mon, 01 Mar 2027 12:00:00 GMT", "Date": DATE}, MAX_BLOCK),
        (429, {"Retry-After": "9999999"}, MAX_BLOCK),
    ],
)
def test_too_many_requests_are_answered_with_a_wait(
    redis: Redis, status: int, headers: dict[str, str], asked: timedelta
) -> None:
    budget = budget_of(redis)
    assert budget.record_response(status, headers) == asked
    assert timedelta() < wait_of(budget) <= asked


def test_the_last_request_of_the_hour_stops_all_workers_until_the_next(redis: Redis) -> None:
    budget = budget_of(redis)
    budget.record_response(200, {"APILimitRemaining": "1", "APILimitReset": "2026-03-01T13:00:00Z"})
    budget.acquire()
    assert budget.record_response(200, {"APILimitRemaining": "0", "APILimitReset": "2026-03-01T13:00:00Z"}) is None
    assert timedelta(minutes=59) < wait_of(budget) <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("end", "wait"),
    [
        ("2026-03-01T12:30:00Z", timedelta(minutes=30)),
        ("2026-03-01 12:30:00", timedelta(minutes=30)),
        ("2026-03-01T14:00:00+01:00.", timedelta(hours=1)),
        ("2026-03-01T11:00:00Z", timedelta(seconds=1)),
        ("kl. 13", DEFAULT_BLOCK),
    ],
)
def test_a_quarantine_is_waited_out(redis: Redis, end: str, wait: timedelta) -> None:
    budget = budget_of(redis)
    message = f"Limit exceeded by 1. Request is blocked. Quarantine ends at {end}"
    assert budget.record_quarantine(message) == wait
    refusal = refusal_of(budget)
    assert isinstance(refusal, RateLimitedError)
    assert refusal.error_code == "quarantine"


def test_another_fault_blocks_no_one(redis: Redis) -> None:
    budget = budget_of(redis)
    assert budget.record_quarantine("Internal error") is None
    budget.acquire()


def test_without_redis_nothing_is_sent_but_a_response_is_still_read() -> None:
    with Redis(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0)) as away:
        budget = budget_of(away)
        assert refusal_of(budget).error_code == "redis"
        assert budget.record_response(429, {}) == timedelta(seconds=1)


def test_without_redis_the_usage_is_unknown() -> None:
    away = Redis(port=1, retry=Retry(NoBackoff(), 0))
    assert budget_of(away).usage() is None
