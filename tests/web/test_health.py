from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.servers import Server
    from tests.web.conftest import Web


def test_with_both_servers_it_is_ready(web: Web) -> None:
    answer = web.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"web": "up", "postgresql": "up", "redis": "up"})


def test_without_redis_it_is_ready_and_says_so(web: Web, redis_server: Server) -> None:
    redis_server.kill()
    try:
        answer = web.get("/health/ready")
    finally:
        redis_server.start()
    assert (answer.status_code, answer.json()["redis"]) == (200, "down")


def test_without_postgresql_it_lives_and_is_not_ready(web: Web, postgres: Server) -> None:
    postgres.kill()
    try:
        assert web.get("/health/live").status_code == 200
        assert web.get("/health/ready").status_code == 503
    finally:
        postgres.start()
