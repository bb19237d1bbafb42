"""The system that the drills break: on a small disk if the machine allows it, and of any release."""

import ctypes
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import requests

from local.processes import ROOT, Log, Process
from local.servers import Server
from local.stack import NotRunningError, Plan, Stack, output
from tests.chaos.clocks import CLOCK_OF
from tests.chaos.stack import OURS

PROGRAMS = ("worker", "beat", "web")
DISK_MEGABYTES = 700
CLONE_NEWNS = 0x20000

COMMANDS = """
import json, pathlib, sys
from local.processes import commands
state = pathlib.Path(sys.argv[2])
print(json.dumps(commands(host="127.0.0.1", web_port=int(sys.argv[1]), flower_port=0, schedule=state)))
"""
"""A script that prints the command lines of the release in its working directory."""


class DrillStack(Stack):
    """Runs the processes of a chaotic day, or another release of the product, with one worker and no Flower.

    The processes run from the folder ``release``; to change it, set it and call :meth:`replace`. ``no_small_disk``
    says why PostgreSQL has no small disk of its own; it is empty if PostgreSQL has one.
    """

    def __init__(self, plan: Plan, *, log: Log, release: Path = ROOT) -> None:
        super().__init__(plan, log=log)
        self.release = release
        self.no_small_disk = ""

    @property
    def postgres_folder(self) -> Path:
        return self.plan.state / "postgres"

    @property
    def postgres(self) -> Server:
        server = self.parts["postgres"]
        assert isinstance(server, Server)
        return server

    def command_lines(self) -> dict[str, tuple[str, ...]]:
        lines = super().command_lines()
        del lines["flower"]
        if self.release != ROOT:
            return {name: lines[name] for name in lines if name == "sandbox"} | self._former_lines()
        ours = {name: tuple(OURS.get(word, word) for word in line) for name, line in lines.items()}
        ours["web"] = (*ours["web"], "--app", "tests.chaos.web:create_app")
        return ours

    def _former_lines(self) -> dict[str, tuple[str, ...]]:
        """Return the command lines of the processes of the other release."""
        state = str(self.plan.state / "beat")
        command = (sys.executable, "-c", COMMANDS, str(self._ports["web"]), state)
        lines = json.loads(output(command, cwd=self.release, env=self.environment))
        return {name: tuple(lines[name]) for name in lines if name in PROGRAMS}

    def command(self, *arguments: str, more: Mapping[str, str] | None = None, answer: str = "") -> str:
        """Run a command of the release, and ``answer`` its question. Raises NotRunningError if it fails."""
        env = self.environment | dict(more or {})
        program = (sys.executable, "-m", "worker", *arguments)
        done = subprocess.run(
            program, cwd=self.release, env=env, input=answer, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotRunningError(f"{shlex.join(program)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def stop(self, *names: str) -> None:
        for name in names or PROGRAMS:
            self.parts[name].stop()

    def replace(self, *names: str) -> None:
        """Stop processes, and start those of the release with the present environment; wait until they respond."""
        lines = self.command_lines()
        for name in names or PROGRAMS:
            self.parts[name].stop()
            self.parts[name] = self._process(name, lines[name])
            self.parts[name].start()
        self.wait_until_ready()

    def kill(self) -> None:
        """Kill all processes at once; nothing has to be finished after a drill."""
        for part in reversed(self.parts.values()):
            part.kill()

    def health(self) -> tuple[int, Mapping[str, str]]:
        """Return the status of the web's readiness, and what it says about each part."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.addresses['web']}/health/ready", timeout=30)
            return answer.status_code, answer.json()

    def _start_servers(self, cleanup: ExitStack) -> None:
        self.postgres_folder.mkdir(mode=0o700, exist_ok=True)
        self.no_small_disk = _mount_small_disk(self.postgres_folder)
        if not self.no_small_disk:
            cleanup.callback(_unmount, self.postgres_folder)
        super()._start_servers(cleanup)

    def _start_processes(self, cleanup: ExitStack) -> None:
        self.command("migrate")
        cleanup.callback(self.kill)
        for name, arguments in self.command_lines().items():
            self.parts[name] = self._process(name, arguments)
            self.parts[name].start()

    def _process(self, name: str, arguments: Sequence[str]) -> Process:
        source = ROOT if name == "sandbox" else self.release
        env = {**self.environment, CLOCK_OF: name}
        return Process(name, arguments, env=env, log=self._log, source=source)


def _mount_small_disk(folder: Path) -> str:
    """Mount a small disk in memory, which disappears with this process; return why that is impossible."""
    if os.geteuid():
        return "only root may mount a small disk"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        return f"no mounts of our own: {os.strerror(ctypes.get_errno())}"
    try:
        _do("mount", "--make-rprivate", "/")
        _do("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0700", "drill", str(folder))
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip()
    return ""


def _unmount(folder: Path) -> None:
    _do("umount", "--lazy", str(folder))


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
