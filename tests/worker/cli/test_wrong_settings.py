"""A setting that is wrong or leads nowhere is reported in a sentence: no process prints a traceback."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from local.servers import free_ports, redis_binary
from tests.installation import eventually, installed, process
from tests.worker.cli.command_runner import run_refused

CLUSTER = "cluster-enabled yes"
SENTINEL = "sentinel monitor one 127.0.0.1 1 1"


@contextmanager
def lone_redis(folder: Path, *, directive: str) -> Iterator[int]:
    """Run a Redis without a password that is configured to be something other than a plain server."""
    port, bus = free_ports(0, 0)
    configuration = f'bind 127.0.0.1\nport {port}\nsave ""\ncluster-port {bus}\n'
    (folder / "conf").write_text(f"{configuration}{directive}\n")
    command = [str(redis_binary({})), "conf", *(["--sentinel"] if directive == SENTINEL else [])]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: answers(port))
            yield port
        finally:
            server.kill()


def answers(port: int) -> bool:
    try:
        with Redis(port=port) as client:
            return bool(client.ping())
    except RedisError:
        return False


def resolve(host: str, port: int, *_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    """Resolve a name without asking a name server."""
    if host != "127.0.0.1":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://:hunter2@127.0.0.1:{port}/0", "refuses the user or the password in REDIS_URL. Correct them"),
        ("redis://127.0.0.1:{port}/0", "refuses the user or the password in REDIS_URL. Correct them"),
        ("redis://nowhere.example:1/0", "host name in REDIS_URL does not resolve. Correct it"),
        ("redis://127.0.0.1:1/0", "Nothing listens at the host and port in REDIS_URL. Start Redis, or correct"),
    ],
)
def test_a_wrong_redis_url_is_explained(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, address: str, expected: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    port = environ["REDIS_URL"].rpartition(":")[2].partition("/")[0]
    with installed({**environ, "REDIS_URL": address.format(port=port)}):
        message = run_refused("alive")
    assert expected in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("directive", "expected"), [(CLUSTER, "a node of a Redis Cluster"), (SENTINEL, "a Sentinel")]
)
def test_a_redis_cluster_or_sentinel_is_refused(
    environ: Mapping[str, str], tmp_path: Path, directive: str, expected: str
) -> None:
    with (
        lone_redis(tmp_path, directive=directive) as port,
        installed({**environ, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}),
    ):
        assert f"REDIS_URL leads to {expected}, which is not supported." in run_refused("alive")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("worker", "connections", "list"), 2),
        (("web", "--port", "1"), 1),
        (("celery", "-A", "worker.celery_app", "worker"), 1),
    ],
)
def test_every_process_exits_with_a_sentence_if_a_setting_is_wrong(
    environ: Mapping[str, str], command: tuple[str, ...], code: int
) -> None:
    with process(*command, environ={**environ, "SECRET_KEYS": "hunter2", "LEASE_SECONDS": "no"}) as running:
        output, _ = running.communicate(timeout=30)
    lines = [line for line in output.splitlines() if "RuntimeWarning" not in line]
    assert running.returncode == code
    assert lines[0].startswith("Error: SECRET_KEYS: number 1 of 1 is not a key")
    assert lines[1].startswith("LEASE_SECONDS: ")
    assert len(lines) == 2


def test_beat_exits_with_a_sentence_and_needs_no_key(environ: Mapping[str, str]) -> None:
    wrong = {name: value for name, value in environ.items() if name != "SECRET_KEYS"}
    with process("celery", "-A", "worker.beat", "beat", environ=wrong | {"DISPATCH_SECONDS": "no"}) as running:
        output, _ = running.communicate(timeout=30)
    lines = [line for line in output.splitlines() if "RuntimeWarning" not in line]
    assert running.returncode == 1
    assert [line.partition(": Input")[0] for line in lines] == ["Error: DISPATCH_SECONDS"]


def test_migrate_needs_only_the_database_and_the_keys(environ: Mapping[str, str]) -> None:
    needed = {name: value for name, value in environ.items() if name != "REDIS_URL"}
    with process("worker", "migrate", environ=needed) as running:
        output, _ = running.communicate(timeout=30)
    assert (running.returncode, "up to date" in output) == (0, True)
