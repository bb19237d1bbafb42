"""The same work for each peer in turn, on fresh books."""

from collections.abc import Sequence
from typing import Protocol

from local.demo_user import eventually, expect
from local.processes import ROOT
from tests.bench.figures import Figures
from tests.bench.peers.beside import PEERS, Peer, beside
from tests.bench.setup import Scene
from tests.journeys.firm import Firm, Record


class Run(Protocol):
    """What a row does with a peer: the firm's invoices, and what a notification tells of their customer and project."""

    def __call__(
        self, town: Scene, firm: Firm, peer: Peer, invoices: Sequence[Record], told: Sequence[str], /
    ) -> Figures:
        """Run it and tell the figures."""
        ...


def compared(town: Scene, *, of_each: int, moment: float, twentyfour: float, run: Run) -> dict[str, Figures]:
    """Run each peer on so many invoices of a firm of its own; the calls of one are counted once it is warm."""
    return {name.removeprefix("with_"): _one(town, name, of_each, (moment, twentyfour), run) for name in PEERS}


def _one(town: Scene, name: str, count: int, late: tuple[float, float], run: Run) -> Figures:
    firm = town.firm()
    first, *invoices = town.write(firm, [town.project(firm)] * (count + 1))
    told = (firm.moment("customers")[0]["customerNumber"], firm.moment("projects")[0]["projectNumber"])
    with (ROOT / "var" / "bench" / "log").open("ab") as log, beside(town, firm, name, log=log) as peer:
        peer.send("invoice", first["id"], *told)
        eventually(lambda: expect("vouchers", len(firm.books("vouchers")), 2))
        town.late(firm, moment=late[0], twentyfour=late[1])
        figures = run(town, firm, peer, invoices, told)
        calls = sum(firm.calls().values()) / count
        expect("vouchers", len(firm.books("vouchers")), count + 2)
    firm.leave()
    return figures | {"calls_per_invoice": calls}
