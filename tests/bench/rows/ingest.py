"""``ingest``: webhooks as fast as they are accepted, compared with a bare endpoint, and at a constant rate."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice

from local.demo_user import expect
from local.processes import ROOT, end, spawn
from local.servers import free_ports
from models.inbox.webhook_limit import MAX_UNTRIED
from tests.bench.figures import Row, percentile
from tests.bench.load import Request, send_all, send_evenly
from tests.bench.setup import LOG, BenchSystem, bench_system, notifications
from tests.journeys.firm import Firm, Record

SENDERS, WARM = 8, 100
PER_SECOND = 200
REMOTE_SECONDS = 0.2
MAX_MILLISECONDS = 15


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: ``invoices`` to keep the worker busy, ``at_once`` each of ``times``, and seconds at the rate."""

    invoices: int = 1000
    busy_seconds: int = 20
    at_once: int = 1500
    times: int = 3
    seconds: int = 60

    @property
    def made_up(self) -> int:
        """The number of webhooks to us about records that do not exist."""
        return WARM + self.times * self.at_once + PER_SECOND * self.seconds


FULL = Load()


def ingest(load: Load = FULL) -> Row:
    """Send at a constant rate beside a worker in a burst; then without the worker, to ours and the bare endpoint."""
    with bench_system() as running_system, _bare(running_system) as bare:
        firm = running_system.firm()
        project = running_system.project(firm)
        web = running_system.stack.addresses["web"]
        busy = _beside_a_burst(running_system, firm, project, load)
        running_system.stack.parts["worker"].stop()
        before = running_system.in_hand()
        made_up = _made_up(running_system, firm, project, load)
        _rate(web, _next(WARM, made_up)), _rate(bare, _next(WARM, made_up))
        ours, theirs = [], []
        for _ in range(load.times):
            theirs.append(_rate(bare, _next(load.at_once, made_up)))
            ours.append(_rate(web, _next(load.at_once, made_up)))
        alone = _evenly(web, _next(PER_SECOND * load.seconds, made_up))
        expect("in the inbox", running_system.in_hand(), before + load.made_up)
    p99 = percentile(busy, 99)
    return Row(
        goal=f"p99 <= {MAX_MILLISECONDS} ms at {PER_SECOND} a second, beside a worker in a burst",
        reached=p99 <= MAX_MILLISECONDS,
        figures={
            "p50_ms": percentile(busy, 50),
            "p99_ms": p99,
            "alone_p50_ms": percentile(alone, 50),
            "alone_p99_ms": percentile(alone, 99),
            "share_of_bare": max(ours) / max(theirs),
            "per_second": max(ours),
            "bare_per_second": max(theirs),
        },
    )


def _beside_a_burst(running_system: BenchSystem, firm: Firm, project: Record, load: Load) -> list[float]:
    """Return the milliseconds of webhooks about invoices that are being synced."""
    written = running_system.write(firm, [project] * load.invoices)
    running_system.late(firm, moment=REMOTE_SECONDS, twentyfour=REMOTE_SECONDS)
    requests = notifications(firm.webhook_url, written)
    running_system.notify(requests)
    again = islice(cycle(requests), PER_SECOND * load.busy_seconds)
    return _evenly(running_system.stack.addresses["web"], list(again))


def _evenly(web: str, requests: list[Request]) -> list[float]:
    """Send requests at the constant rate, and return the milliseconds of each."""
    answers = send_evenly(web, requests, connections=SENDERS, per_second=PER_SECOND)
    expect("not taken", [each.status for each in answers if each.status != 202], [])
    return [each.seconds * 1000 for each in answers]


def _made_up(running_system: BenchSystem, firm: Firm, project: Record, load: Load) -> Iterator[Request]:
    """Yield webhooks about records that do not exist, of enough connections that none of them is limited."""
    connections = load.made_up // MAX_UNTRIED + 1
    urls = [running_system.branch(firm, project, f"Branch {number}")[1] for number in range(connections)]
    for number, url in enumerate(cycle(urls), 10**9):
        yield from notifications(url, [{"id": number}])


def _next(count: int, requests: Iterator[Request]) -> list[Request]:
    return list(islice(requests, count))


def _rate(address: str, requests: list[Request]) -> float:
    began = time.perf_counter()
    answers = send_all(address, requests, connections=SENDERS)
    rate = len(requests) / (time.perf_counter() - began)
    expect("not taken", [each.status for each in answers if each.status != 202], [])
    return rate


@contextmanager
def _bare(running_system: BenchSystem) -> Iterator[str]:
    """Run the bare endpoint on the same PostgreSQL, with the same server and as many workers."""
    [port] = free_ports(0)
    arguments = ("--factory", "tests.bench.bare_endpoint:create_app", "--port", str(port), "--no-access-log")
    command = (sys.executable, "-m", "uvicorn", *arguments)
    with LOG.open("ab") as log:
        process = spawn(command, cwd=ROOT, env=running_system.stack.environment, output=log)
    time.sleep(3)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process, signal.SIGTERM, seconds=5)
