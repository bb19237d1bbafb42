"""The whole system as ``make run`` starts it, seen from outside."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest
import requests

from config.settings import Settings
from local import demo_company, servers
from local.processes import ROOT
from local.run import ADMIN_EMAIL, ADMIN_PASSWORD, _explain_other_ports
from local.stack import DEFAULT_PORTS, Plan, Stack, read_values

ENVIRON = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields} | {
    "SANDBOX": "1"
}


class Run:
    """``python -m local run`` in a separate folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        command = [sys.executable, "-m", "local", "run", "--var", str(folder)]
        self.supervisor = subprocess.Popen(command, cwd=ROOT, env=ENVIRON, stdout=subprocess.PIPE, text=True)
        Thread(target=self._read, daemon=True).start()

    def wait(self) -> None:
        until(lambda: any("The secrets, such as" in line for line in self.lines))
        self.processes = psutil.Process(self.supervisor.pid).children(recursive=True)

    def address(self, title: str) -> str:
        listed = (line for line in reversed(self.lines) if line.endswith(title))
        return next(listed).split()[2]

    def worker(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "local", "worker", "--var", str(self.folder), *arguments]
        return subprocess.run(command, cwd=ROOT, env=ENVIRON, stdout=subprocess.PIPE, text=True, check=True).stdout

    def _read(self) -> None:
        assert self.supervisor.stdout
        with self.supervisor.stdout as output:
            self.lines += map(str.rstrip, output)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Run]]:
    started: list[Run] = []

    def start() -> Run:
        started.append(run := Run(tmp_path))
        run.wait()
        return run

    yield start
    for run in started:
        run.supervisor.kill()
        run.supervisor.wait()


@pytest.mark.kills
def test_every_process_responds_and_restarts_with_its_data_when_killed(start: Callable[[], Run]) -> None:
    first = start()
    assert_all_answer(first)
    running("worker.celery_app --quiet worker", first.processes).kill()
    until(lambda: sum("ready." in line for line in first.lines) == 2)
    left = psutil.Process(first.supervisor.pid).children(recursive=True)
    first.supervisor.kill()
    first.supervisor.wait()
    until(lambda: not any(is_alive(process) for process in left))

    second = start()
    assert not any("with the password" in line for line in second.lines)
    assert second.worker("connections", "list").count(demo_company.NAME) == 1
    moment, twentyfour = second.address("Moment (sandbox)"), second.address("24SevenOffice (sandbox)")
    assert demo_company.curl_lines({"moment": moment, "twentyfour": twentyfour}) in "\n".join(second.lines) + "\n"
    finalized = f"{moment}/companies/{demo_company.MOMENT_COMPANY}/invoices/{demo_company.DRAFT}/finalize"
    requests.post(finalized, timeout=10).raise_for_status()
    until(lambda: [each["status"] for each in requests.get(f"{moment}/deliveries", timeout=10).json()] == [202])
    second.supervisor.send_signal(signal.SIGTERM)
    assert second.supervisor.wait(60) == 0
    assert [process for process in second.processes if is_alive(process)] == []
    until(lambda: second.lines[-1] == "local    | Everything is stopped.")


def test_a_second_run_in_the_same_folder_says_that_the_first_one_runs(tmp_path: Path) -> None:
    second = Stack(Plan(state=tmp_path, environ={}, temporary=True), log=lambda *_: None)
    text = re.escape(f"`make run` is running already in {tmp_path}; stop it there first.")
    with servers.lock_folder(tmp_path, ""), pytest.raises(servers.NoServerError, match=text), second.running():
        pass


def test_a_default_port_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setitem(DEFAULT_PORTS, "web", taken)
        stack = Stack(Plan(state=tmp_path, environ={}), log=lambda *_: None)
    assert next(_explain_other_ports(stack)) == (
        f"Port {taken} is in use by another program, so Overview and webhooks is at {stack.addresses['web']}"
    )


def test_a_wrong_setting_is_named_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local", "run", "--var", str(tmp_path / "var")]
    wrong = {"POLL_SECONDS": "abc", "WORKER_THREADS": "0"}
    done = subprocess.run(command, cwd=ROOT, env=ENVIRON | wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()[1:]] == ["POLL_SECONDS", "WORKER_THREADS"]
    assert not (tmp_path / "var").exists()


def test_a_full_disk_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "environment").symlink_to("/dev/full")
    command = [sys.executable, "-m", "local", "run", "--var", str(tmp_path)]
    elsewhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(command, cwd=ROOT, env=ENVIRON | elsewhere, capture_output=True, text=True, check=False)
    assert done.stderr == f"Error: The disk of {tmp_path} is full. Make room, then start again.\n"


def test_the_readme_has_the_commands_that_run_prints() -> None:
    usual = {name: f"http://127.0.0.1:{port}" for name, port in DEFAULT_PORTS.items()}
    assert demo_company.curl_lines(usual) in (ROOT / "README.md").read_text()


def assert_all_answer(run: Run) -> None:
    secrets = read_values(run.folder / "sandbox" / "secrets.env")
    web, flower = run.address("Overview and webhooks"), run.address("log of tasks")
    assert requests.get(web + "/health/ready", timeout=10).json()["redis"] == "up"
    assert requests.get(flower, timeout=10).status_code == 401
    user, _, password = secrets["FLOWER_BASIC_AUTH"].partition(":")
    assert requests.get(flower, auth=(user, password), timeout=10).status_code == 200
    assert signs_in(web, ADMIN_EMAIL, secrets[ADMIN_PASSWORD])


def signs_in(web: str, email: str, password: str) -> bool:
    with requests.Session() as browser:
        form = browser.get(web + "/sign-in", timeout=10).text
        found = re.search(r'name="csrf" value="(\w+)"', form)
        assert found
        filled = {"csrf": found[1], "email": email, "password": password}
        browser.post(web + "/sign-in", data=filled, timeout=10, allow_redirects=False)
        return browser.get(web + "/users", timeout=10).status_code == 200


def running(command: str, processes: list[psutil.Process]) -> psutil.Process:
    return next(process for process in processes if command in " ".join(process.cmdline()))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_stopped_before_it_has_started_says_so(tmp_path: Path) -> None:
    (tmp_path / "dotenv.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")  # is imported early
    command = [sys.executable, "-m", "local", "worker", "--var", str(tmp_path), "jobs", "list"]
    environ = {**ENVIRON, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "\nStopped.\n")
