"""The same work for each peer in turn, with fresh data."""

from collections.abc import Sequence
from typing import Protocol

from local.demo_user import eventually, expect
from tests.bench.figures import Figures
from tests.bench.peers.peer_workers import PEERS, Peer, beside
from tests.bench.setup import LOG, BenchSystem
from tests.journeys.firm import Firm, Record


class Run(Protocol):
    """What a row does with a peer: the firm's invoices, and the customer and project that webhooks name."""

    def __call__(
        self,
        running_system: BenchSystem,
        firm: Firm,
        peer: Peer,
        invoices: Sequence[Record],
        told: Sequence[str],
        /,
    ) -> Figures:
        """Run it and return the figures."""
        ...


def compared(
    running_system: BenchSystem, *, of_each: int, moment: float, twentyfour: float, run: Run
) -> dict[str, Figures]:
    """Run each peer on a number of invoices of its own firm; the calls of one are counted once it is warm."""
    return {
        name.removeprefix("with_"): _one(running_system, name, of_each, (moment, twentyfour), run)
        for name in PEERS
    }


def _one(running_system: BenchSystem, name: str, count: int, late: tuple[float, float], run: Run) -> Figures:
    firm = running_system.firm()
    first, *invoices = running_system.write(firm, [running_system.project(firm)] * (count + 1))
    told = (firm.moment("customers")[0]["customerNumber"], firm.moment("projects")[0]["projectNumber"])
    with LOG.open("ab") as log, beside(running_system, firm, name, log=log) as peer:
        peer.send("invoice", first["id"], *told)
        eventually(lambda: expect("vouchers", len(firm.records("vouchers")), 2))
        running_system.late(firm, moment=late[0], twentyfour=late[1])
        figures = run(running_system, firm, peer, invoices, told)
        calls = sum(firm.calls().values()) / count
        expect("vouchers", len(firm.records("vouchers")), count + 2)
    firm.leave()
    return figures | {"calls_per_invoice": calls}
