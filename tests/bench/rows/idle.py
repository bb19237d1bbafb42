"""``idle``: the time of an invoice from its 202 to the ledger, beyond that of the remote systems."""

import time
from collections.abc import Sequence

from tests.bench.figures import Figures, Row, percentile
from tests.bench.peers.compare_peers import compared
from tests.bench.peers.peer_workers import Peer
from tests.bench.setup import BenchSystem, bench_system
from tests.journeys.firm import Firm, Record

INVOICES, OF_PEERS = 200, 15
MOMENT_SECONDS, TWENTYFOUR_SECONDS = 0.1, 0.2
PATH_SECONDS = MOMENT_SECONDS + TWENTYFOUR_SECONDS
"""The calls: reading the invoice and posting its voucher."""


def idle() -> Row:
    """Send invoices one by one; wait until each is synced."""
    with bench_system() as running_system:
        firm = running_system.firm()
        written = running_system.write(firm, [running_system.project(firm)] * INVOICES)
        running_system.late(firm, moment=MOMENT_SECONDS, twentyfour=TWENTYFOUR_SECONDS)
        accepted = [_one(running_system, firm, invoice) for invoice in written]
        calls = sum(firm.calls().values())
        figures = _figures(running_system, firm, written, accepted) | {"calls_per_invoice": calls / INVOICES}
        firm.leave()
        peers = compared(
            running_system, of_each=OF_PEERS, moment=MOMENT_SECONDS, twentyfour=TWENTYFOUR_SECONDS, run=_peer
        )
    return Row(
        goal="p50 <= 1.10, p99 <= 1.30, 1 call an invoice",
        reached=figures["p50"] <= 1.10 and figures["p99"] <= 1.30 and calls <= INVOICES,
        figures=figures,
        peers=peers,
    )


def _one(running_system: BenchSystem, firm: Firm, invoice: Record) -> float:
    firm.notify(invoice)
    accepted = time.time()
    time.sleep(PATH_SECONDS)
    while running_system.in_hand():
        time.sleep(0.02)
    return accepted


def _peer(
    running_system: BenchSystem, firm: Firm, peer: Peer, invoices: Sequence[Record], told: Sequence[str]
) -> Figures:
    sent = []
    for number, invoice in enumerate(invoices, 1):
        sent.append(time.time())
        peer.send("invoice", invoice["id"], *told)
        while firm.calls().get("SaveBundleList", 0) < number:
            time.sleep(0.05)
        time.sleep(TWENTYFOUR_SECONDS)
    return _figures(running_system, firm, invoices, sent)


def _figures(
    running_system: BenchSystem, firm: Firm, invoices: Sequence[Record], sent: Sequence[float]
) -> Figures:
    there = running_system.registered(firm)
    seconds = [there[invoice["invoiceNumber"]] - began for invoice, began in zip(invoices, sent, strict=True)]
    ratios = [each / PATH_SECONDS for each in seconds]
    own = {f"own_p{percent}_ms": (percentile(seconds, percent) - PATH_SECONDS) * 1000 for percent in (50, 99)}
    return {"p50": percentile(ratios, 50), "p99": percentile(ratios, 99), **own}
