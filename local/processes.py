"""The processes of the bridge: their command lines in one table, and what it takes to run one here."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO

from local.child_processes import end, kill, spawn

Say = Callable[[str, str], None]

ROOT = Path(__file__).parents[1]
STOP_SECONDS = {"worker": 60.0}
USUAL_STOP_SECONDS = 10.0
READ_SECONDS = 5.0


def commands(*, host: str, web_port: int, flower_port: int, schedule: Path) -> dict[str, tuple[str, ...]]:
    """Tell what follows ``python -m`` for each process; the last to start is the first to stop.

    The web's own log of requests is off because the address of a webhook is a secret. Workers need not know of
    each other, and start a second sooner without asking around.
    """
    celery = ("celery", "-A", "worker.celery_app", "--quiet")
    web = ("uvicorn", "--factory", "web.app:create_app", "--host", host, "--port", str(web_port))
    return {
        "flower": (*celery, "flower", f"--address={host}", f"--port={flower_port}", "--logging=error"),
        "worker": (*celery, "worker", "--without-gossip", "--without-mingle"),
        "beat": (*celery, "beat", "--schedule", str(schedule)),
        "web": (*web, "--no-access-log", "--timeout-graceful-shutdown", "5"),
    }


def sandbox(ports: Mapping[str, int], *, keep: Path) -> tuple[str, ...]:
    """Tell what follows ``python -m`` for the sandbox on these ports, with its books kept in a file."""
    options = [f"--{name}-port={ports[name]}" for name in ("moment", "twentyfour", "mail", "smtp")]
    return ("sandbox", *options, f"--keep={keep}")


class Process:
    """A Python program of ours; each line that it writes is said in its name. ``via`` is what starts it."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, env: Mapping[str, str], say: Say, via: Sequence[str] = ()
    ) -> None:
        self.name = name
        self._command = (*via, sys.executable, "-m", *arguments)
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, without waiting until it is of use. From the main thread only, see :func:`spawn`."""
        self._process = spawn(self._command, cwd=ROOT, env=self._env)
        self._reader = Thread(target=self._copy, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Let it finish what it has at hand, and end."""
        if self._process:
            end(self._process, signal.SIGTERM, seconds=STOP_SECONDS.get(self.name, USUAL_STOP_SECONDS))
        if self._reader:
            self._reader.join(READ_SECONDS)

    def kill(self) -> None:
        """SIGKILL it, as a crash would."""
        if self._process:
            kill(self._process)

    def _copy(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._say(self.name, line.decode(errors="replace").rstrip())
