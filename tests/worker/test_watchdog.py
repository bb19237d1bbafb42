"""The health check that kills a silent process: when it does, and when it does not."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from redis import Redis

from tests.worker.program_cost import measure
from worker import heartbeat, watchdog
from worker.alive import worker_key
from worker.consumer import WorkerHeartbeat
from worker.container import Container

INIT = """
import ctypes, subprocess, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(60)"])
sys.exit(-child.wait())
"""
"""Stands for the init of a container: it has a name, starts one process, and ends with it."""


@contextmanager
def init(name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-S", "-c", INIT, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            running.stdout.readline()
            yield running
        finally:
            for child in watchdog.children_of(running.pid):
                os.kill(child, signal.SIGKILL)
            running.kill()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the result of the watchdog, given the responses to the two checks of a web process."""
    output = {"health": "", "life": ""}
    questions = (lambda _: output["health"], lambda _: output["life"])
    monkeypatch.setattr(watchdog, "CHECKS", {"web": questions})
    return output


def test_a_frozen_process_is_killed_after_enough_failed_checks(tmp_path: Path, answers: dict[str, str]) -> None:
    answers |= {"health": "503", "life": "silent"}
    with init("docker-init") as running:
        (child,) = watchdog.children_of(running.pid)
        os.kill(child, signal.SIGSTOP)

        def look() -> str:
            return watchdog.main(
                "web", "", end_after=3, counter=tmp_path / "silent", init=running.pid, start_seconds=0
            )

        assert [look(), look()] == ["503", "503"]
        assert running.poll() is None
        assert look() == "Killed after 3 failed checks: silent"
        assert running.wait(10) == signal.SIGKILL


def test_an_unhealthy_process_that_responds_is_not_killed(tmp_path: Path, answers: dict[str, str]) -> None:
    answers["health"] = "PostgreSQL is down"
    with init("docker-init") as running:
        for _ in range(5):
            assert watchdog.main(
                "web", "", end_after=1, counter=tmp_path / "silent", init=running.pid, start_seconds=0
            )
        assert len(watchdog.children_of(running.pid)) == 1


def test_a_response_resets_the_count(tmp_path: Path, answers: dict[str, str]) -> None:
    counter = tmp_path / "silent"
    with init("docker-init") as running:
        for life in ("silent", "silent", "", "silent", "silent"):
            answers["life"] = life
            watchdog.main("web", "", end_after=3, counter=counter, init=running.pid, start_seconds=0)
        assert len(watchdog.children_of(running.pid)) == 1


def test_a_process_that_has_just_started_may_be_silent(tmp_path: Path, answers: dict[str, str]) -> None:
    answers["life"] = "silent"
    with init("docker-init") as running:
        for _ in range(3):
            assert watchdog.main("web", "", end_after=1, counter=tmp_path / "silent", init=running.pid) == "silent"
        assert 0 <= watchdog.seconds_since_start(running.pid) < 60
        assert len(watchdog.children_of(running.pid)) == 1


def test_nothing_is_killed_or_counted_outside_a_container(tmp_path: Path, answers: dict[str, str]) -> None:
    answers["life"] = "silent"
    with init("systemd") as running:
        counter = tmp_path / "silent"
        watchdog.main("web", "", end_after=1, counter=counter, init=running.pid, start_seconds=0)
        assert (len(watchdog.children_of(running.pid)), counter.exists()) == (1, False)


def test_a_page_is_healthy_only_if_it_answers_200() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/live" else 503)
            self.end_headers()
            self.wfile.write(b"down")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        assert watchdog.page_problem(port, "/health/live") == ""
        assert (
            watchdog.page_problem(port, "/health/ready")
            == "/health/ready responds with 503 Service Unavailable: down"
        )
        server.shutdown()
    assert "does not respond" in watchdog.page_problem(port, "/health/live")


def test_beat_is_alive_while_it_writes_its_schedule(tmp_path: Path) -> None:
    assert watchdog.schedule_problem(tmp_path / "beat")
    (tmp_path / "beat.db").touch()
    assert watchdog.schedule_problem(tmp_path / "beat") == ""
    os.utime(tmp_path / "beat.db", (0, 0))
    assert watchdog.schedule_problem(tmp_path / "beat")


def test_a_worker_that_finishes_its_batches_is_not_silent(container: Container) -> None:
    redis: Redis = container.redis
    heartbeat.record_worker(redis)
    assert redis.ttl(worker_key()) <= heartbeat.TTL_SECONDS
    WorkerHeartbeat(None).stop(None)
    assert redis.ttl(worker_key()) > container.settings.lease_seconds - 10


def test_the_watchdog_takes_at_most_a_tenth_of_a_second_and_twenty_mebibytes(redis_url: str) -> None:
    check = ("-S", "-m", "worker.watchdog", "worker", "--end-after=3")
    _, seconds, mebibytes = measure(*check, redis_url=redis_url, runs=3)
    assert (seconds <= 0.1, mebibytes <= 20) == (True, True), (seconds, mebibytes)
