"""``first_day``: a firm's first day, when nothing is linked: customers, projects and invoices in random order."""

import time
from random import Random

from tests.bench.figures import Row
from tests.bench.peers.first_days import first_days
from tests.bench.seed_records import enter, right
from tests.bench.setup import bench_system, notifications

OF_EACH, OF_PEERS = 500, 30
SECONDS = 0.05
MAX_CALLS = 0.40


def first_day() -> Row:
    """Send webhooks for all of them, shuffled, and compare what was synced with what was entered."""
    with bench_system() as running_system:
        firm = running_system.firm()
        entered = enter(running_system, firm, OF_EACH)
        requests = [
            each
            for kind, records in entered.items()
            for each in notifications(firm.webhook_url, records, kind=kind)
        ]
        Random(1).shuffle(requests)  # noqa: S311 - the same order each time
        running_system.late(firm, moment=SECONDS, twentyfour=SECONDS)
        began = time.time()
        running_system.notify(requests)
        running_system.wait()
        wall = max(running_system.registered(firm).values()) - began
        calls = sum(firm.calls().values()) / len(requests)
        running_system.late(firm, moment=0, twentyfour=0)
        right(firm, entered)
        firm.leave()
        peers = first_days(running_system, of_each=OF_PEERS, seconds=SECONDS)
    return Row(
        goal=f"<= {MAX_CALLS:.2f} calls a record, each right",
        reached=calls <= MAX_CALLS,
        figures={
            "calls_per_record": calls,
            "wall_seconds": wall,
            "wall_ms_per_record": wall / len(requests) * 1000,
        },
        peers=peers,
    )
