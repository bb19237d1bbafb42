"""``burst``: many invoices of one connection at once, compared with as many events at the same concurrency."""

import time
from collections.abc import Sequence

from local.demo_user import eventually, expect
from tests.bench.figures import Figures, Row
from tests.bench.peers.compare_peers import compared
from tests.bench.peers.peer_workers import Peer
from tests.bench.setup import TIMEOUT_SECONDS, BenchSystem, bench_system, notifications
from tests.journeys.firm import Firm, Record

INVOICES, OF_PEERS = 1000, 80
"""A peer's events are independent, so a smaller number is representative."""
SECONDS = 0.2
MAX_CALLS = 0.06
TIMES_FASTER = 8


def burst() -> Row:
    """Send all webhooks at once and wait for the last voucher."""
    with bench_system() as running_system:
        firm = running_system.firm()
        written = running_system.write(firm, [running_system.project(firm)] * INVOICES)
        running_system.late(firm, moment=SECONDS, twentyfour=SECONDS)
        cpu, began = running_system.cpu(), time.time()
        running_system.notify(notifications(firm.webhook_url, written))
        running_system.wait()
        cpu = running_system.cpu() - cpu
        calls = sum(firm.calls().values()) / INVOICES
        wall = max(running_system.registered(firm).values()) - began
        expect("vouchers", len(firm.records("vouchers")), INVOICES + 1)
        firm.leave()
        peers = compared(running_system, of_each=OF_PEERS, moment=SECONDS, twentyfour=SECONDS, run=peer_at_once)
    ours = {"wall_ms_per_invoice": wall / INVOICES * 1000, "cpu_ms_per_invoice": cpu / INVOICES * 1000}
    fastest = min(peer["wall_ms_per_invoice"] for peer in peers.values())
    times = fastest / ours["wall_ms_per_invoice"]
    return Row(
        goal=f"<= {MAX_CALLS} calls an invoice; wall time <= 1/{TIMES_FASTER} of the fastest peer's",
        reached=calls <= MAX_CALLS and times >= TIMES_FASTER,
        figures={"wall_seconds": wall, "times_faster": times, "calls_per_invoice": calls, **ours},
        peers=peers,
    )


def peer_at_once(
    running_system: BenchSystem, firm: Firm, peer: Peer, invoices: Sequence[Record], told: Sequence[str]
) -> Figures:
    """Send a peer all its events at once and wait for the last voucher."""
    cpu, began = peer.cpu(), time.time()
    for invoice in invoices:
        peer.send("invoice", invoice["id"], *told)
    eventually(
        lambda: expect("posts", firm.calls().get("SaveBundleList", 0) >= len(invoices), expected=True),
        seconds=TIMEOUT_SECONDS,
    )
    time.sleep(2 * SECONDS)
    wall = max(running_system.registered(firm).values()) - began
    return {
        "wall_ms_per_invoice": wall / len(invoices) * 1000,
        "cpu_ms_per_invoice": (peer.cpu() - cpu) / len(invoices) * 1000,
    }
