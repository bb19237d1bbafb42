"""Runs each peer for comparison: its worker with as many slots as ours, and its events."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import psutil

from local.processes import ROOT, end, spawn
from tests.bench.setup import BenchSystem
from tests.journeys.firm import API_KEY, PASSWORD, Firm

SLOTS = 8
PEERS: Mapping[str, tuple[str, ...]] = {
    "with_celery": ("celery", "-A", "{module}", "worker", f"--concurrency={SLOTS}", "--loglevel=WARNING"),
    "with_dramatiq": ("dramatiq", "{module}", "--processes=2", f"--threads={SLOTS // 2}"),
    "with_taskiq": (
        *("taskiq", "worker", "{module}:broker", "--workers=2", "--log-level=WARNING"),
        *(f"--max-async-tasks={SLOTS // 2}", f"--max-threadpool-threads={SLOTS // 2}", "--max-prefetch=1"),
    ),
}
"""The arguments after ``python -m``: as each documentation has them, with two processes if that is a choice."""


class Peer:
    """A peer whose worker runs."""

    def __init__(self, worker: int, events: IO[bytes]) -> None:
        self._worker = psutil.Process(worker)
        self._events = events

    def send(self, kind: str, *told: Any) -> None:
        """Enqueue an event."""
        self._events.write(f"{kind} {json.dumps(told)}\n".encode())
        self._events.flush()

    def cpu(self) -> float:
        """Return the CPU seconds of its processes so far."""
        family = [self._worker, *self._worker.children(recursive=True)]
        return sum(each.cpu_times().user + each.cpu_times().system for each in family)


@contextmanager
def beside(bench_system: BenchSystem, firm: Firm, name: str, *, log: IO[bytes]) -> Iterator[Peer]:
    """Run a peer for a firm, on its own database of the same Redis."""
    module = f"tests.bench.peers.{name}"
    environment = bench_system.stack.environment | {
        "PEER_REDIS": bench_system.stack.environment["REDIS_URL"].removesuffix("/0")
        + f"/{1 + list(PEERS).index(name)}",
        "PEER_MOMENT": bench_system.stack.addresses["moment"],
        "PEER_TWENTYFOUR": bench_system.stack.addresses["twentyfour"],
        "PEER_COMPANY": firm.company,
        "PEER_API_KEY": API_KEY,
        "PEER_USERNAME": firm.username,
        "PEER_PASSWORD": PASSWORD,
        "NO_PROXY": "127.0.0.1",
    }
    words = [word.format(module=module) for word in PEERS[name]]
    worker = spawn((sys.executable, "-m", *words), cwd=ROOT, env=environment, output=log)
    sender = spawn(
        (sys.executable, "-m", "tests.bench.peers.send", name),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        output=subprocess.PIPE,
    )
    try:
        if not (sender.stdin and sender.stdout and sender.stdout.readline() == b"ready\n"):
            raise RuntimeError(f"{name} did not start, see var/bench/log")
        yield Peer(worker.pid, sender.stdin)
    finally:
        end(sender, signal.SIGTERM, seconds=5)
        end(worker, signal.SIGTERM, seconds=10)
