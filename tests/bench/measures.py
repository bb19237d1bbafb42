"""What is measured, each on a firm of its own; the remote systems answer as late as they are told to."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from typing import TYPE_CHECKING

from local.visitor import eventually, expect
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.journeys.firm import Firm, Record

Figures = dict[str, float]

SYSTEMS = ("moment", "twentyfour")
SENDERS = 8
PATIENCE_SECONDS = 600
MILLISECONDS = 1000


def round_trip(firm: Firm, *, times: int) -> Figures:
    """Measure a bare request, which tells how fast this machine is at all."""
    return spread([timed(firm.calls) for _ in range(times)])


def one_by_one(firm: Firm, *, invoices: int, latency: float) -> Figures:
    """Measure from each 202 to the voucher in the books, while nothing else happens.

    ``latency`` is what each remote call takes at least, in seconds. ``own`` is what is left of the whole without
    those of an invoice's calls, and is 5 ms too long at the most, which is how often the books are looked at.
    """
    written = write(firm, invoices)
    _be_late(firm, latency)
    seconds = [_until_posted(firm, invoice) for invoice in written]
    calls = sum(sum(firm.control(system, "GET", "calls").values()) for system in SYSTEMS) / invoices
    _be_late(firm, 0)
    figures, remote = spread(seconds), calls * latency * MILLISECONDS
    own = {"remote_calls": calls, "remote_ms": remote, "own_p50_ms": figures["p50_ms"] - remote}
    return figures | own | ({"own_to_remote": own["own_p50_ms"] / remote} if remote else {})


def burst(firm: Firm, *, invoices: int, latency: float) -> Figures:
    """Measure how soon many invoices that are notified at once are all in the books, with what they cost."""
    written = write(firm, invoices)
    _be_late(firm, latency)
    began = time.monotonic()
    accepted = _send(firm.notify, written)
    eventually(lambda: expect("vouchers", len(firm.books("vouchers")), invoices + 1), seconds=PATIENCE_SECONDS)
    seconds = time.monotonic() - began
    calls = sum(firm.calls().values())
    _be_late(firm, 0)
    return {"vouchers_per_second": invoices / seconds, "calls_per_voucher": calls / invoices} | accepted


def ingestion(firm: Firm, *, notifications: int, senders: int) -> Figures:
    """Measure how many notifications are accepted in a second, while the firm is paused and none is worked off."""
    firm.bridge.connections.pause(firm.connection.id, "Ingestion only.", now=clock())
    return _send(firm.notify, [{"id": 10**9 + n} for n in range(notifications)], senders=senders)


def write(firm: Firm, count: int) -> list[Record]:
    """Write invoices that nobody is told of, on a project that has come across with an invoice before them."""
    project = firm.project()
    first = firm.invoice(project)
    firm.notify(first)
    firm.expect_vouchers([first])
    written = [firm.invoice(project, price=f"{n}.01") for n in range(1, count + 1)]
    for system in SYSTEMS:
        firm.control(system, "DELETE", "calls")
    return written


def spread(seconds: Sequence[float]) -> Figures:
    """Tell the milliseconds that half of the cases, and all but a twentieth of them, stay below."""
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {"p50_ms": cuts[9] * MILLISECONDS, "p95_ms": cuts[18] * MILLISECONDS}


def timed(act: Callable[[], object]) -> float:
    """Tell how many seconds something takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _until_posted(firm: Firm, invoice: Record) -> float:
    firm.notify(invoice)
    seconds = timed(lambda: _see(firm, invoice["invoiceNumber"]))
    eventually(lambda: expect("changes in hand", firm.in_hand(), []))
    return seconds


def _see(firm: Firm, number: int) -> None:
    """Look at the number series until an invoice's number has been used."""
    while max(max(series["next"].values()) for series in firm.books("series") if series["start"] == 1) <= number:
        time.sleep(0.002)


def _send(send: Callable[[Record], int], invoices: Sequence[Record], *, senders: int = SENDERS) -> Figures:
    began = time.monotonic()
    with ThreadPoolExecutor(senders) as pool:
        seconds = list(pool.map(lambda invoice: timed(lambda: _accepted(send, invoice)), invoices))
    rate = len(invoices) / (time.monotonic() - began)
    return {"accepted_per_second": rate} | {f"accepted_{name}": value for name, value in spread(seconds).items()}


def _accepted(send: Callable[[Record], int], invoice: Record) -> None:
    status = send(invoice)
    expect("answer", status, 202)


def _be_late(firm: Firm, seconds: float) -> None:
    for system in SYSTEMS:
        firm.control(system, "PUT", "latency", {"seconds": seconds})
