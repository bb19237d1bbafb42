"""Child processes that cannot outlive us, and the command lines of the integration's processes."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, ClassVar

import psutil

Log = Callable[[str, str], None]
"""Called with the name of a process and the lines that it prints."""

ROOT = Path(__file__).parents[1]
STOP_SECONDS, WORKER_STOP_SECONDS = 10.0, 60.0
READ_SECONDS = 5.0
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Child(ABC):
    """A program that can be stopped, killed and restarted; only from the main thread, see :func:`spawn`."""

    name: str
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_seconds: float
    last_line = ""
    """The last lines that it printed, if they are read."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def start(self) -> None: ...

    def stop(self) -> None:
        """Let it finish its work and end; kill it if that takes longer than ``stop_seconds``."""
        if self._process:
            end(self._process, self.stop_signal, seconds=self.stop_seconds)

    def kill(self) -> None:
        if self._process:
            kill(self._process)


class Process(Child):
    """A Python process of ours, started by ``via`` from the release in ``source``; its lines are logged."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Log,
        via: Sequence[str] = (),
        source: Path = ROOT,
    ) -> None:
        self.name = name
        self.stop_seconds = WORKER_STOP_SECONDS if name == "worker" else STOP_SECONDS
        self._command = (*via, sys.executable, "-m", *arguments)
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        self._log = log
        self._source = source
        self._reader: Thread | None = None

    def start(self) -> None:
        self._process = spawn(self._command, cwd=self._source, env=self._env)
        self._reader = Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        super().stop()
        if self._reader:
            self._reader.join(READ_SECONDS)

    def _copy(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self.last_line = line.decode(errors="replace").rstrip()
                self._log(self.name, self.last_line)


def commands(*, host: str, web_port: int, flower_port: int, schedule: Path) -> dict[str, tuple[str, ...]]:
    """The arguments after ``python -m`` of each process; the last one started is stopped first."""

    def celery(app: str, command: str) -> tuple[str, ...]:
        return "celery", "-A", app, "--quiet", command

    flower = (f"--address={host}", f"--port={flower_port}", "--logging=error")
    return {
        "flower": (*celery("worker.flower", "flower"), *flower),
        "worker": (*celery("worker.celery_app", "worker"), "--without-gossip", "--without-mingle"),
        "beat": (*celery("worker.beat", "beat"), "--schedule", str(schedule)),
        "web": ("web", "--host", host, "--port", str(web_port)),
    }


def server_account() -> pwd.struct_passwd | None:
    """Return the account `nobody` if this process runs as root, which PostgreSQL refuses to do; otherwise None."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def spawn(  # noqa: PLR0913 - the few arguments of Popen that callers need
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stop_signal: signal.Signals = signal.SIGKILL,
    account: pwd.struct_passwd | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, so that Ctrl-C reaches only us and we stop the children in order.

    On Linux, the kernel sends ``stop_signal`` to the child when the thread that started it ends, even by SIGKILL:
    call it from the main thread. macOS has no such signal.
    """
    return subprocess.Popen(  # noqa: S603 - commands are our own, not a user's
        command,
        cwd=cwd,
        env=dict(env),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_bound_to_parent(stop_signal),  # noqa: PLW1509 - two system calls, no lock is taken in the child
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
    )


def _bound_to_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return bind


def end(process: subprocess.Popen[bytes], stop_signal: signal.Signals, *, seconds: float) -> None:
    """Ask a child to end, and kill it if it has not ended within that time."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and all its descendants with SIGKILL."""
    if process.poll() is None:
        for grandchild in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                grandchild.kill()
        process.kill()
        process.wait()


def end_on_signals() -> None:
    """Turn the first signal to end into KeyboardInterrupt, and ignore further ones while we stop."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end_once(*_: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, end_once)
