"""``fair``: whether a small connection notices one that hangs and one with a very large backlog."""

import time
from collections.abc import Sequence

from models.enums import EntityType
from tests.bench.figures import Row, percentile
from tests.bench.setup import BenchSystem, bench_system
from tests.journeys.firm import Firm, Record

INVOICES = 30
HANGING, WORKING = 5000, 20_000
REAL_CUSTOMERS, REAL_INVOICES = 100, 3000
"""How many of the backlog are reached in the time; the others need not exist in Moment."""
MOMENT_SECONDS, TWENTYFOUR_SECONDS = 0.1, 0.2
TIMEOUT = "5"
MAX_FACTOR = 1.25


def fair() -> Row:
    """Send one invoice a second, alone and then beside the other two."""
    with bench_system(ANSWER_SECONDS=TIMEOUT) as running_system:
        firm = running_system.firm()
        project = running_system.project(firm)
        written = running_system.write(firm, [project] * (2 * INVOICES + REAL_INVOICES))
        hanging, working = (running_system.branch(firm, project, name)[0] for name in ("Hanging", "Working"))
        customers = running_system.enter(
            firm, "customers", [{"name": f"Customer {n}"} for n in range(REAL_CUSTOMERS)]
        )
        firm.add_fault("twentyfour", "SaveCompanies", "hang", seconds=600, times=10**6)
        running_system.late(firm, moment=MOMENT_SECONDS, twentyfour=TWENTYFOUR_SECONDS)
        alone = _each_second(running_system, firm, written[:INVOICES])
        running_system.receive(hanging, EntityType.CUSTOMER, _with_others(customers, HANGING))
        running_system.receive(working, EntityType.INVOICE, _with_others(written[2 * INVOICES :], WORKING))
        before = len(running_system.registered(firm))
        beside = _each_second(running_system, firm, written[INVOICES : 2 * INVOICES])
        others = len(running_system.registered(firm)) - before - INVOICES
    times = percentile(beside, 95) / percentile(alone, 95)
    return Row(
        goal=f"p95 <= {MAX_FACTOR} x alone",
        reached=times <= MAX_FACTOR,
        figures={
            "times": times,
            "alone_p95_ms": percentile(alone, 95) * 1000,
            "beside_p95_ms": percentile(beside, 95) * 1000,
            "others_per_second": others / INVOICES,
        },
    )


def _with_others(records: Sequence[Record], count: int) -> list[int]:
    return [record["id"] for record in records] + list(range(10**9, 10**9 + count - len(records)))


def _each_second(running_system: BenchSystem, firm: Firm, invoices: Sequence[Record]) -> list[float]:
    """Send one webhook each second; return how long each took from its 202 to the ledger."""
    accepted, began = [], time.time()
    for number, invoice in enumerate(invoices):
        time.sleep(max(began + number - time.time(), 0))
        firm.notify(invoice)
        accepted.append(time.time())
    time.sleep(5)
    there = running_system.registered(firm)
    return [there[each["invoiceNumber"]] - at for each, at in zip(invoices, accepted, strict=True)]
