"""``ingest``: webhooks as fast as they are accepted, compared with a bare endpoint, and at a constant rate."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local.demo_user import expect
from local.processes import ROOT, end, spawn
from local.servers import free_ports
from tests.bench.figures import Row, percentile
from tests.bench.load import Request, send_all, send_evenly
from tests.bench.setup import Scene, notifications, scene
from tests.journeys.firm import Firm

AT_ONCE, TIMES, SENDERS = 1500, 3, 8
PER_SECOND, SECONDS = 200, 60
INVOICES, BUSY_SECONDS, REMOTE_SECONDS = 1000, 20, 0.2
MAX_MILLISECONDS = 15


def ingest() -> Row:
    """Send at a constant rate beside a worker in a burst; then without the worker, to ours and the bare endpoint."""
    with scene() as running_system, _bare(running_system) as bare:
        firm = running_system.firm()
        web, numbers = running_system.stack.addresses["web"], iter(range(10**9, 2 * 10**9))
        busy = _beside_a_burst(running_system, firm, web)
        running_system.stack.parts["worker"].stop()
        before = running_system.in_hand()
        _rate(web, _requests(firm, 100, numbers)), _rate(bare, _requests(firm, 100, numbers))
        ours, theirs = [], []
        for _ in range(TIMES):
            theirs.append(_rate(bare, _requests(firm, AT_ONCE, numbers)))
            ours.append(_rate(web, _requests(firm, AT_ONCE, numbers)))
        alone = _evenly(web, _requests(firm, PER_SECOND * SECONDS, numbers))
        expect("in the inbox", running_system.in_hand(), before + 100 + TIMES * AT_ONCE + PER_SECOND * SECONDS)
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


def _beside_a_burst(running_system: Scene, firm: Firm, web: str) -> list[float]:
    """Return the milliseconds of webhooks about invoices that are being synced."""
    written = running_system.write(firm, [running_system.project(firm)] * INVOICES)
    running_system.late(firm, moment=REMOTE_SECONDS, twentyfour=REMOTE_SECONDS)
    running_system.notify(notifications(firm.webhook_url, written))
    again = (written * (PER_SECOND * BUSY_SECONDS // INVOICES + 1))[: PER_SECOND * BUSY_SECONDS]
    return _evenly(web, notifications(firm.webhook_url, again))


def _evenly(web: str, requests: list[Request]) -> list[float]:
    """Send requests at the constant rate, and return the milliseconds of each."""
    answers = send_evenly(web, requests, connections=SENDERS, per_second=PER_SECOND)
    expect("not taken", [each.status for each in answers if each.status != 202], [])
    return [each.seconds * 1000 for each in answers]


def _requests(firm: Firm, count: int, numbers: Iterator[int]) -> list[Request]:
    return notifications(firm.webhook_url, [{"id": next(numbers)} for _ in range(count)])


def _rate(address: str, requests: list[Request]) -> float:
    began = time.perf_counter()
    answers = send_all(address, requests, connections=SENDERS)
    rate = len(requests) / (time.perf_counter() - began)
    expect("not taken", [each.status for each in answers if each.status != 202], [])
    return rate


@contextmanager
def _bare(running_system: Scene) -> Iterator[str]:
    """Run the bare endpoint on the same PostgreSQL, with the same server and as many workers."""
    [port] = free_ports(0)
    arguments = ("--factory", "tests.bench.bare_endpoint:create_app", "--port", str(port), "--no-access-log")
    command = (sys.executable, "-m", "uvicorn", *arguments)
    with (ROOT / "var" / "bench" / "log").open("ab") as log:
        process = spawn(command, cwd=ROOT, env=running_system.stack.environment, output=log)
    time.sleep(3)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process, signal.SIGTERM, seconds=5)
