"""The health check of the containers: its result, and its low cost."""

from urllib.parse import urlsplit

from redis import Redis

from tests.worker.program_cost import measure
from worker import alive, heartbeat


def check(redis_url: str, *arguments: str) -> str:
    return alive.main(arguments, {"REDIS_URL": redis_url})


def test_alive_reports_whether_there_was_a_sweep(redis: Redis, redis_url: str) -> None:
    assert check(redis_url) == "There has been no sweep within the last minute."
    heartbeat.record(redis, every=5)
    assert check(redis_url) == ""


def test_alive_can_check_only_the_worker_on_this_host(redis: Redis, redis_url: str) -> None:
    assert check(redis_url, "--here") == "The worker on this host does not respond."
    heartbeat.record_worker(redis)
    assert check(redis_url, "--here") == ""
    assert check("redis://127.0.0.1:1/0", "--here") == ""


def test_alive_connects_to_the_server_in_the_url(redis_url: str) -> None:
    address = redis_url.removesuffix("/0") + "/5"
    with Redis.from_url(address) as fifth:
        heartbeat.record(fifth, every=5)
    assert [check(each) for each in (redis_url, address)] == [alive.NO_SWEEP, ""]


def test_a_password_with_special_characters_works(redis: Redis, redis_url: str) -> None:
    redis.acl_setuser("looker", enabled=True, passwords=["+p@ss/wörd"], keys=["*"], commands=["+exists"])
    try:
        heartbeat.record(redis, every=5)
        user = urlsplit(redis_url)._replace(
            netloc=f"looker:p%40ss%2Fw%C3%B6rd@127.0.0.1:{urlsplit(redis_url).port}"
        )
        assert check(user.geturl()) == ""
        assert "WRONGPASS" in check(user.geturl().replace("p%40ss", "pass"))
    finally:
        redis.acl_deluser("looker")


def test_alive_takes_at_most_a_tenth_of_a_second_and_twenty_mebibytes(redis: Redis, redis_url: str) -> None:
    heartbeat.record(redis, every=5)
    status, seconds, mebibytes = measure("-S", "-m", "worker.alive", redis_url=redis_url, runs=2)
    assert status == 0
    assert (seconds <= 0.1, mebibytes <= 20) == (True, True), (seconds, mebibytes)
