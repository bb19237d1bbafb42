"""``many``: connections that each send one invoice at a time, together more than there are threads."""

import itertools
import time

from sqlalchemy import select

from models.enums import PENDING
from models.schema.tables import SyncJobRow
from tests.bench.figures import Row
from tests.bench.load import Request
from tests.bench.peers.compare_peers import compared
from tests.bench.rows.burst import peer_at_once
from tests.bench.setup import BenchSystem, bench_system, notifications
from tests.journeys.firm import Firm

CONNECTIONS, INVOICES, OF_PEERS = 200, 12, 64
MOMENT_SECONDS, TWENTYFOUR_SECONDS = 0.1, 0.2
LEAST_SHARE = 0.85
EDGE = 0.05
"""The share of vouchers, at either end, that are left out since not all threads are busy."""


def many() -> Row:
    """Keep one invoice of each connection pending until all are synced."""
    with bench_system() as running_system:
        firm = running_system.firm()
        waiting = _connections(running_system, firm)
        running_system.late(firm, moment=MOMENT_SECONDS, twentyfour=TWENTYFOUR_SECONDS)
        cpu = running_system.cpu()
        _keep_going(running_system, waiting)
        running_system.wait()
        cpu = (running_system.cpu() - cpu) / (CONNECTIONS * INVOICES) * 1000
        calls, seconds = _remote(firm)
        rate = _rate(sorted(running_system.registered(firm).values())[1:])
        limit = running_system.container.settings.worker_threads / seconds
        firm.leave()
        peers = compared(
            running_system,
            of_each=OF_PEERS,
            moment=MOMENT_SECONDS,
            twentyfour=TWENTYFOUR_SECONDS,
            run=peer_at_once,
        )
    return Row(
        goal=f">= {LEAST_SHARE:.0%} of what the threads and the latency allow",
        reached=rate / limit >= LEAST_SHARE,
        figures={
            "share": rate / limit,
            "invoices_per_second": rate,
            "limit_per_second": limit,
            "calls_per_invoice": calls,
            "cpu_ms_per_invoice": cpu,
        },
        peers=peers,
    )


def _connections(running_system: BenchSystem, firm: Firm) -> dict[int, list[Request]]:
    """Add connections of the firm's company, and return what each has to send."""
    project = running_system.project(firm)
    written = iter(running_system.write(firm, [project] * (CONNECTIONS * INVOICES)))
    waiting = {}
    for number in range(CONNECTIONS):
        connection_id, webhook_url = running_system.branch(firm, project, f"Branch {number}")
        waiting[connection_id] = notifications(webhook_url, list(itertools.islice(written, INVOICES)))
    return waiting


def _keep_going(running_system: BenchSystem, waiting: dict[int, list[Request]]) -> None:
    """Send the next invoice of each connection without a pending one, until none is left."""
    open_ = SyncJobRow.state.in_(PENDING)
    while waiting:
        with running_system.container.database.transaction() as session:
            busy = set(session.scalars(select(SyncJobRow.connection_id).where(open_)))
        due = [requests.pop() for connection, requests in waiting.items() if connection not in busy]
        waiting = {connection: requests for connection, requests in waiting.items() if requests}
        running_system.notify(due)
        time.sleep(0.1)


def _remote(firm: Firm) -> tuple[float, float]:
    """Return the calls to 24SevenOffice and the seconds of both systems that an invoice took."""
    moment, twentyfour = (
        sum(firm.control(system, "GET", "calls").values()) / (CONNECTIONS * INVOICES)
        for system in ("moment", "twentyfour")
    )
    return twentyfour, moment * MOMENT_SECONDS + twentyfour * TWENTYFOUR_SECONDS


def _rate(times: list[float]) -> float:
    """Return the rate per second, without the edges."""
    edge = int(len(times) * EDGE)
    inner = times[edge : len(times) - edge]
    return (len(inner) - 1) / (inner[-1] - inner[0])
