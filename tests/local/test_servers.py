import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from local import servers
from local.servers import NoServerError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[servers.Server]:
    with servers.postgres(tmp_path / "postgres", port=0, durable=False) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[servers.Server]:
    with servers.redis(tmp_path / "redis", port=0) as server:
        yield server


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg2", 1), poolclass=NullPool)
    with engine.begin() as connection:
        answer = connection.execute(text(query))
        return [tuple(row) for row in answer] if answer.returns_rows else []


@pytest.mark.kills
def test_postgres_keeps_its_rows_through_a_kill(own_postgres: servers.Server) -> None:
    ask(own_postgres.url, "CREATE TABLE kept AS SELECT 1 AS number")
    own_postgres.kill()
    own_postgres.start()
    assert ask(own_postgres.url, "SELECT number FROM kept") == [(1,)]


@pytest.mark.kills
def test_redis_keeps_its_keys_through_a_kill(own_redis: servers.Server) -> None:
    with Redis.from_url(own_redis.url) as client:
        client.set("kept", "1")
        own_redis.kill()
        own_redis.start()
        assert client.get("kept") == b"1"


def test_url_and_data_stay_between_runs(tmp_path: Path) -> None:
    with servers.redis(tmp_path, port=0) as first, Redis.from_url(first.url) as client:
        client.set("kept", "1")
    with servers.redis(tmp_path, port=0) as second, Redis.from_url(second.url) as client:
        assert second.url == first.url
        assert client.get("kept") == b"1"


def test_a_taken_port_is_left_alone(tmp_path: Path, own_redis: servers.Server) -> None:
    with servers.redis(tmp_path / "second", port=own_redis.port) as second:
        assert second.port != own_redis.port


def test_postgres_speaks_norwegian_and_utc(postgres: servers.Server) -> None:
    assert ask(postgres.url, "SELECT upper('blåbærsyltetøy'), current_setting('timezone')") == [
        ("BLÅBÆRSYLTETØY", "UTC")
    ]


def test_redis_evicts_nothing_and_keeps_a_log_of_writes(own_redis: servers.Server) -> None:
    with Redis.from_url(own_redis.url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy", "appendonly", "appendfsync") == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }


def test_no_one_connects_without_the_password(postgres: servers.Server, redis_server: servers.Server) -> None:
    with pytest.raises(OperationalError, match="password authentication failed"):
        ask(postgres.url.replace("moment24:", "moment24:x"), "SELECT 1")
    stranger = Redis(port=redis_server.port, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def test_only_the_owner_can_read_the_passwords(own_redis: servers.Server, tmp_path: Path) -> None:
    password = tmp_path / "redis" / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text() not in " ".join(psutil.Process(own_redis.pid).cmdline())


def test_servers_do_not_run_as_root(postgres: servers.Server, redis_server: servers.Server) -> None:
    assert 0 not in {psutil.Process(server.pid).uids().effective for server in (postgres, redis_server)}


def test_a_folder_serves_one_server_at_a_time(own_redis: servers.Server, tmp_path: Path) -> None:
    with pytest.raises(NoServerError, match="Another process"), servers.redis(tmp_path / "redis"):
        pass
    with Redis.from_url(own_redis.url) as client:
        assert client.ping()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with servers.postgres(tmp_path, port=0, durable=False):
        pass
    (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(NoServerError, match="incompatible with server"), servers.postgres(tmp_path):
        pass


def test_a_full_disk_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = initdb(tmp_path, monkeypatch, "echo initdb: error: could not write: No space left on device; exit 1")
    with pytest.raises(NoServerError) as raised, servers.postgres(tmp_path, port=0, environ=environ):
        pass
    full = f"the disk of {tmp_path} is full. Make room, then start again."
    assert str(raised.value) == f"PostgreSQL could not make its files: {full}"
    environ = initdb(tmp_path, monkeypatch, "echo another error; exit 1")
    with pytest.raises(NoServerError, match="another error"), servers.postgres(tmp_path, port=0, environ=environ):
        pass


def test_ctrl_c_stops_the_program_that_creates_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 20)
    environ = initdb(tmp_path, monkeypatch, "echo $$ > ../making; exec sleep 600")
    making = tmp_path / "making"

    def press_ctrl_c() -> None:
        while not (making.exists() and making.read_text()):
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=press_ctrl_c, daemon=True).start()
        with pytest.raises(KeyboardInterrupt), servers.postgres(tmp_path, port=0, environ=environ):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert not psutil.pid_exists(int(making.read_text()))


def initdb(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, str]:
    """Replace PostgreSQL's program by a script, with an account that may enter the tests' folder."""
    monkeypatch.setattr(servers, "server_account", lambda: None)
    (folder / "initdb").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "initdb").chmod(0o755)
    return {"EMBEDDED_PG_BIN": str(folder)}


@pytest.mark.kills
def test_servers_stop_with_a_killed_supervisor_and_the_next_one_continues(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISOR), tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout
    with supervisor.stdout as output:
        left = [psutil.Process(int(pid)) for pid in output.readline().split()]
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    with servers.postgres(tmp_path / "postgres") as postgres, servers.redis(tmp_path / "redis") as redis:
        assert ask(postgres.url, "SELECT 1") == [(1,)]
        with Redis.from_url(redis.url) as client:
            assert client.ping()
        wait_for_the_end(left)


SUPERVISOR = """
    import sys, time
    from pathlib import Path
    from local import servers
    state = Path(sys.argv[1])
    with (
        servers.postgres(state / "postgres", port=0, durable=False) as postgres,
        servers.redis(state / "redis", port=0) as redis,
    ):
        print(postgres.pid, redis.pid, flush=True)
        time.sleep(60)
"""


def wait_for_the_end(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 20
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_free_port_is_the_preferred_one() -> None:
    (port,) = servers.free_ports(0)
    assert servers.free_ports(port) == [port]


def test_a_taken_port_is_skipped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert servers.free_ports(taken) != [taken]


def test_a_port_is_assigned_once() -> None:
    assert len(set(servers.free_ports(*[8000] * 20))) == 20


def test_a_port_stays_reserved_until_its_server_has_started() -> None:
    (port,) = servers.free_ports(0)
    asks = f"from local.servers import free_ports; print(*free_ports({port}))"
    given = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert int(given) != port
