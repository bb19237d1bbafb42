"""``ingest``: webhooks as fast as they are accepted, compared with a bare endpoint, then at a constant rate."""

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
LEAST_SHARE, MAX_MILLISECONDS = 0.7, 25


def ingest() -> Row:
    """Send to ours and to the bare endpoint in turns, then at a constant rate to ours.

    The worker is stopped, so that only ingestion is measured; it would use the same cores.
    """
    with scene() as running_system, _bare(running_system) as bare:
        firm = running_system.firm()
        running_system.stack.parts["worker"].stop()
        web, numbers = running_system.stack.addresses["web"], iter(range(10**9, 2 * 10**9))
        _rate(web, _requests(firm, 100, numbers)), _rate(bare, _requests(firm, 100, numbers))
        ours, theirs = [], []
        for _ in range(TIMES):
            theirs.append(_rate(bare, _requests(firm, AT_ONCE, numbers)))
            ours.append(_rate(web, _requests(firm, AT_ONCE, numbers)))
        stream = _requests(firm, PER_SECOND * SECONDS, numbers)
        answers = send_evenly(web, stream, connections=SENDERS, per_second=PER_SECOND)
        expect("not taken", [each.status for each in answers if each.status != 202], [])
        expect("in the inbox", running_system.in_hand(), 100 + TIMES * AT_ONCE + PER_SECOND * SECONDS)
    share = max(ours) / max(theirs)
    milliseconds = [each.seconds * 1000 for each in answers]
    p99 = percentile(milliseconds, 99)
    return Row(
        goal=f">= {LEAST_SHARE:.0%} of a bare endpoint; p99 <= {MAX_MILLISECONDS} ms at {PER_SECOND} a second",
        reached=share >= LEAST_SHARE and p99 <= MAX_MILLISECONDS,
        figures={
            "share_of_bare": share,
            "per_second": max(ours),
            "bare_per_second": max(theirs),
            "p50_ms": percentile(milliseconds, 50),
            "p99_ms": p99,
        },
    )


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
