"""The cache that workers share, on a real Redis."""

from datetime import date
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr, TypeAdapter
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.shared_cache import PURPOSE, SharedCache
from models.connections.vault import Vault
from sync.records import Company, FiscalYear

RATES = TypeAdapter(dict[str, Decimal])
YEARS = TypeAdapter(list[FiscalYear])
COMPANIES = TypeAdapter(Company)
VAULT = Vault([SecretStr(Fernet.generate_key().decode())])
NORDLYS, FJORD = Company(10001, "Nordlys AS", emails=("post@nordlys.example",)), Company(10002, "Fjord AS")


@pytest.fixture
def cache(redis: Redis) -> SharedCache:
    return SharedCache(redis, VAULT).for_connection(1)


def store(cache: SharedCache, rate: str = "25", *, seen: bytes = b"") -> None:
    cache.store("rates", {"3": Decimal(rate)}, RATES, seen=seen, seconds=60)


def load(cache: SharedCache) -> dict[str, Decimal] | None:
    return cache.load("rates", RATES)[0]


def test_another_worker_finds_what_one_has_stored(redis: Redis, cache: SharedCache) -> None:
    store(cache)
    years = [FiscalYear(date(2026, 1, 1), date(2026, 12, 31), locked=False)]
    cache.store("years", years, YEARS, seen=b"", seconds=60)
    cache.store_members("companies", {10002: FJORD, 10001: NORDLYS}, COMPANIES, seconds=60)
    other = SharedCache(redis, VAULT).for_connection(1)
    assert load(other) == {"3": Decimal(25)}
    assert other.load("years", YEARS)[0] == years
    assert other.load_members("companies", COMPANIES) == {10001: NORDLYS, 10002: FJORD}
    assert {redis.ttl(key) for key in redis.scan_iter()} == {60}


def test_another_connection_another_key_and_a_private_cache_find_nothing(redis: Redis, cache: SharedCache) -> None:
    store(cache)
    cache.store_members("companies", {10001: NORDLYS}, COMPANIES, seconds=60)
    shared = SharedCache(redis, VAULT)
    strangers = SharedCache(redis, Vault([SecretStr(Fernet.generate_key().decode())]))
    for other in (shared.for_connection(11), shared.private(), strangers.for_connection(1)):
        assert load(other) is None
        assert other.load_members("companies", COMPANIES) is None


@pytest.mark.parametrize("damaged", ["", '{"3": "25"}'])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_damaged_value_is_read_again_and_replaced(
    redis: Redis, cache: SharedCache, damaged: str, *, encrypted: bool
) -> None:
    damaged = damaged.replace("25", "a quarter") if encrypted else damaged
    store(cache)
    (key,) = redis.scan_iter()
    redis.set(key, VAULT.encrypt(damaged, PURPOSE, key.decode()) if encrypted else damaged)
    assert load(cache) is None
    store(cache, "12", seen=cache.load("rates", RATES)[1])
    assert load(cache) == {"3": Decimal(12)}


def test_a_value_moved_within_redis_is_read_again(redis: Redis, cache: SharedCache) -> None:
    store(cache)
    cache.store_members("companies", {10001: NORDLYS, 10002: FJORD}, COMPANIES, seconds=60)
    for key in redis.scan_iter():
        redis.copy(key, key.replace(b"cache:1:", b"cache:2:"))
    other = SharedCache(redis, VAULT).for_connection(2)
    assert load(other) is None
    assert other.load_members("companies", COMPANIES) is None
    (companies,) = redis.scan_iter("cache:1:*companies")
    redis.hset(companies, "10001", redis.hget(companies, "10002"))
    assert cache.load_members("companies", COMPANIES) is None
    assert load(cache)


def test_a_value_read_before_a_drop_does_not_replace_one_read_after_it(cache: SharedCache) -> None:
    store(cache, "10")
    slow = cache.load("rates", RATES)[1]
    cache.drop("rates")
    assert load(cache) is None
    store(cache, "11", seen=slow)
    assert load(cache) is None
    store(cache, "12", seen=cache.load("rates", RATES)[1])
    store(cache, "13", seen=slow)
    assert load(cache) == {"3": Decimal(12)}


def test_a_collection_is_stored_and_dropped_member_by_member(cache: SharedCache) -> None:
    cache.update_members("companies", {10001: NORDLYS}, COMPANIES)
    assert cache.load_members("companies", COMPANIES) is None  # a member does not make the collection complete
    cache.store_members("companies", {}, COMPANIES, seconds=60)
    assert cache.load_members("companies", COMPANIES) == {}
    cache.update_members("companies", {10001: NORDLYS, 10002: FJORD}, COMPANIES)
    cache.drop_members("companies", [10001, 4711])
    assert cache.load_members("companies", COMPANIES) == {10002: FJORD}
    cache.drop_collection("companies")
    assert cache.load_members("companies", COMPANIES) is None


def test_a_collection_with_a_damaged_member_is_read_again_as_a_whole(redis: Redis, cache: SharedCache) -> None:
    cache.store_members("companies", {10001: NORDLYS, 10002: FJORD}, COMPANIES, seconds=60)
    (key,) = redis.scan_iter()
    redis.hset(key, "10002", "damaged")
    assert cache.load_members("companies", COMPANIES) is None


def test_a_connection_is_cleared_and_no_other_one(redis: Redis, cache: SharedCache) -> None:
    other = SharedCache(redis, VAULT).for_connection(11)
    for each in (cache, other):
        store(each)
        each.store_members("companies", {10001: NORDLYS}, COMPANIES, seconds=60)
    cache.clear()
    assert (load(cache), cache.load_members("companies", COMPANIES)) == (None, None)
    assert (load(other), other.load_members("companies", COMPANIES)) == ({"3": Decimal(25)}, {10001: NORDLYS})


def test_reading_redis_reveals_no_customer(redis: Redis, cache: SharedCache) -> None:
    cache.store_members("companies", {10001: NORDLYS}, COMPANIES, seconds=60)
    lying = str([(key, redis.hgetall(key)) for key in redis.scan_iter()])
    assert "10001" in lying
    assert "ordlys" not in lying


def test_without_redis_nothing_is_found_and_nothing_raised() -> None:
    away = Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    cache = SharedCache(away, VAULT).for_connection(1)
    store(cache)
    cache.store_members("companies", {}, COMPANIES, seconds=60)
    cache.update_members("companies", {10001: NORDLYS}, COMPANIES)
    for drop in (cache.drop, cache.drop_collection):
        drop("companies")
    cache.drop_members("companies", [10001])
    cache.clear()
    assert (load(cache), cache.load_members("companies", COMPANIES)) == (None, None)
