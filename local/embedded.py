"""A server in a folder: what PostgreSQL and Redis have in common when they run beside us."""

import errno
import os
import secrets
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import psutil

from local.child_processes import end, kill, spawn, unprivileged
from local.ports import free_ports
from local.server_binaries import NoServerError

START_SECONDS = 60
STOP_SECONDS = 30


class Server(ABC):
    """A server that can be stopped, killed and started again on the same port with the same data.

    Start it from the main thread: on Linux it ends with the thread that started it.
    """

    name: ClassVar[str]
    pid_file: ClassVar[str]
    parting: ClassVar[signal.Signals]

    def __init__(self, state: Path, *, port: int) -> None:
        self._account = unprivileged()
        self._state = state
        self._data = state / "data"
        self._own(state)
        self._password = self._keep_password(state / "password")
        self.port = self._keep_port(state / "port", port)
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    @property
    @abstractmethod
    def url(self) -> str:
        """Where to reach the server, with its password."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server's process. Raises NoServerError where it does not run."""
        if self._process is None or not self.alive:
            raise NoServerError(f"{self.name} is not running.")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers. Raises NoServerError, with what it said."""
        self._end_forerunner()
        process = self._process = self._launch()
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.01)
        self.kill()
        raise self._failure("did not start")

    def stop(self) -> None:
        """Let the server finish and end; kill it where it does not."""
        if self._process:
            end(self._process, self.parting, seconds=STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL the server and all that it forked, as a crash would."""
        if self._process:
            kill(self._process)

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _spawn(
        self, command: Sequence[str], *, cwd: Path, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        with (self._state / "log").open("ab") as log:
            self._said_before = log.tell()
            return spawn(
                command,
                cwd=cwd,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                parting=self.parting,
                account=self._account,
                stdin=stdin,
                output=log,
            )

    def _own(self, path: Path) -> None:
        """Give a path to the server's account."""
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _keep_password(self, note: Path) -> str:
        if not note.exists():
            note.touch(mode=0o600)
            self._own(note)
            note.write_text(secrets.token_hex(16))
        return note.read_text()

    def _keep_port(self, note: Path, wish: int) -> int:
        (port,) = free_ports(int(note.read_text()) if note.exists() else wish)
        note.write_text(str(port))
        return port

    def _make_data(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._own(folder)

    def _end_forerunner(self) -> None:
        """Stop a server that a killed supervisor left behind, and forget one whose process id is now another's."""
        pid_file = self._data / self.pid_file
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            if not self._is_ours(process):
                pid_file.unlink()
                return
            process.send_signal(self.parting)
            deadline = time.monotonic() + STOP_SECONDS
            while self._is_ours(process):
                if time.monotonic() > deadline:
                    process.kill()
                time.sleep(0.01)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.cwd() == str(self._data.resolve())
        except psutil.AccessDenied:
            return False

    def _failure(self, what: str) -> NoServerError:
        said = (self._state / "log").read_bytes()[self._said_before :].decode(errors="replace")
        if os.strerror(errno.ENOSPC) in said:
            return NoServerError(
                f"{self.name} {what}: the disk of {self._state} is full. Make room, then start again."
            )
        return NoServerError("\n".join((f"{self.name} {what}:", *said.splitlines()[-10:])))
