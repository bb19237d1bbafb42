"""A firm's first day for each peer: the same events, each retried until its dependencies exist."""

import time
from random import Random

from local.demo_user import eventually, expect
from tests.bench.figures import Figures
from tests.bench.peers.peer_workers import PEERS, beside
from tests.bench.seed_records import enter
from tests.bench.setup import LOG, TIMEOUT_SECONDS, BenchSystem


def first_days(running_system: BenchSystem, *, of_each: int, seconds: float) -> dict[str, Figures]:
    """Run each peer on ``of_each`` customers, projects and invoices, with calls that take ``seconds``."""
    return {name.removeprefix("with_"): _one(running_system, name, of_each, seconds) for name in PEERS}


def _one(running_system: BenchSystem, name: str, count: int, seconds: float) -> Figures:
    firm = running_system.firm()
    entered = enter(running_system, firm, count)
    events = [(kind, each["id"]) for kind, records in entered.items() for each in records]
    Random(1).shuffle(events)  # noqa: S311 - the same order each time
    with LOG.open("ab") as log, beside(running_system, firm, name, log=log) as peer:
        time.sleep(2)  # until its worker is there
        running_system.late(firm, moment=seconds, twentyfour=seconds)
        began = time.time()
        for kind, record_id in events:
            peer.send(kind, record_id)
        eventually(lambda: expect("vouchers", len(firm.records("vouchers")), count), seconds=TIMEOUT_SECONDS)
        wall = max(running_system.registered(firm).values()) - began
        calls = sum(firm.calls().values())
    firm.leave()
    return {"calls_per_record": calls / len(events), "wall_ms_per_record": wall / len(events) * 1000}
