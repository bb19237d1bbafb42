"""The health check of a container; it kills a process that no longer responds, so that Docker restarts it.

``python -S -m worker.watchdog web 8000 --end-after=6`` fails while the process is unhealthy, such as without
PostgreSQL. Only a process that itself does not respond, ``--end-after`` times in a row, is killed; the container
ends with it. It imports only the standard library, for the reason in :mod:`worker.alive`.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from worker import alive

INITS = {"docker-init", "tini", "catatonit"}
"""Init programs whose children may be killed. They have process id 1 only in a container."""

START_SECONDS = 120
"""How long a process may take to start on a busy machine."""

PAGE_SECONDS = 3
SCHEDULE_SECONDS = 600
"""How old beat's schedule file may be. Beat writes it every three minutes, even while Redis is down."""


def page_problem(port: str, path: str) -> str:
    """Return the problem of a page, "" if its status is 200; importing http.client would take too long."""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=PAGE_SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            response = b"".join(iter(partial(connection.recv, 4096), b"")).decode(errors="replace")
    except OSError as error:
        return f"{path} does not respond: {error}"
    head, _, body = response.partition("\r\n\r\n")
    status = head.partition("\r\n")[0].partition(" ")[2]
    return "" if status.startswith("200") else f"{path} responds with {status}: {body}"


def schedule_problem(schedule: Path) -> str:
    """Return the problem of beat's schedule file, which may be several files whose names begin with this name."""
    changed = max((each.stat().st_mtime for each in schedule.parent.glob(f"{schedule.name}*")), default=0.0)
    return "" if time.time() - changed < SCHEDULE_SECONDS else "Beat does not write its schedule."


def sweep_problem() -> str:
    return alive.main((), os.environ)


def worker_problem() -> str:
    return alive.main(("--here",), os.environ)


Check = Callable[[str], str]
"""Takes the port or file of a process ("" if it has none), and returns its problem ("" if it is fine)."""

CHECKS: Mapping[str, tuple[Check, Check]] = {
    "web": (lambda port: page_problem(port, "/health/ready"), lambda port: page_problem(port, "/health/live")),
    "worker": (lambda _: sweep_problem(), lambda _: worker_problem()),
    "beat": (lambda _: sweep_problem(), lambda schedule: schedule_problem(Path(schedule))),
    "flower": (lambda port: page_problem(port, "/healthcheck"), lambda port: page_problem(port, "/healthcheck")),
}
"""For each process, the check of its health and the check that it is alive."""


def children_of(parent: int) -> list[int]:
    """Return the child processes of a process; the health check of a container is not one of them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has just ended
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found


def seconds_since_start(process: int) -> float:
    began = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - began / os.sysconf("SC_CLK_TCK")


def count_silence(counter: Path, *, silent: bool) -> int:
    """Count in a file how many times in a row a process did not respond."""
    times = int(counter.read_text()) + 1 if counter.exists() else 1
    if silent:
        counter.write_text(str(times))
        return times
    counter.unlink(missing_ok=True)
    return 0


def may_be_killed(init: int, *, start_seconds: float) -> bool:
    """Return whether this is the init of a container, and its process has had time to start."""
    name = Path(f"/proc/{init}/comm").read_text().strip()
    return name in INITS and seconds_since_start(init) >= start_seconds


def main(
    process: str,
    port_or_file: str,
    *,
    end_after: int,
    counter: Path,
    init: int = 1,
    start_seconds: float = START_SECONDS,
) -> str:
    """Return the problem, "" if there is none. Kills a process that was silent ``end_after`` times in a row."""
    health, liveness = (partial(check, port_or_file) for check in CHECKS[process])
    problem, silence = health(), liveness()
    if not may_be_killed(init, start_seconds=start_seconds):
        return problem or silence
    if count_silence(counter, silent=bool(silence)) < end_after:
        return problem or silence
    for child in children_of(init):
        os.kill(child, signal.SIGKILL)
    return f"Killed after {end_after} failed checks: {silence}"


def parse(arguments: Sequence[str]) -> tuple[str, str, int]:
    """Parse the process, its port or file, and ``--end-after``."""
    process, *port_or_file, option = arguments
    return process, "".join(port_or_file), int(option.removeprefix("--end-after="))


if __name__ == "__main__":
    name, port_or_file, times = parse(sys.argv[1:])
    sys.exit(main(name, port_or_file, end_after=times, counter=Path("/tmp/silent")) or None)  # noqa: S108 - within a container
