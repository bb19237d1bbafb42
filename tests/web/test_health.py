import pytest
from sqlalchemy import text

from local.servers import Server
from tests.web.conftest import Web
from worker import heartbeat
from worker.container import Container


def test_with_both_servers_and_a_sweep_all_is_up(web: Web, container: Container) -> None:
    heartbeat.record(container.redis, every=5)
    response = web.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == dict.fromkeys(("web", "postgresql", "tables", "redis", "workers"), "up")


def test_without_a_sweep_webhooks_are_accepted_and_workers_are_silent(web: Web) -> None:
    response = web.get("/health/ready")
    assert (response.status_code, response.json()["redis"], response.json()["workers"]) == (200, "up", "silent")


@pytest.mark.kills
def test_without_redis_it_is_ready_and_says_so(web: Web, redis_server: Server) -> None:
    redis_server.kill()
    try:
        response = web.get("/health/ready")
    finally:
        redis_server.start()
    assert (response.status_code, response.json()["redis"], response.json()["workers"]) == (200, "down", "silent")


@pytest.mark.kills
def test_without_postgresql_it_is_alive_but_not_ready(web: Web, postgres: Server) -> None:
    postgres.kill()
    try:
        assert web.get("/health/live").status_code == 200
        assert web.get("/health/ready").status_code == 503
    finally:
        postgres.start()


@pytest.mark.parametrize(
    ("tables", "status"),
    [
        ("update alembic_version set version_num = '0001'", 503),
        ("delete from alembic_version", 503),
        ("drop table alembic_version", 503),
        ("update alembic_version set version_num = 'of the next release'", 200),
    ],
)
def test_it_is_not_ready_while_the_tables_are_older_than_the_code(
    web: Web, container: Container, tables: str, status: int
) -> None:
    with container.database.transaction() as session:
        session.execute(text(tables))
    response = web.get("/health/ready")
    assert (response.status_code, response.json()["tables"]) == (status, "up" if status == 200 else "behind")
