"""Drills that remove a part of the installation: processes, servers, the disk, the right time."""

import time
from contextlib import closing, suppress
from pathlib import Path

from redis import Redis
from sqlalchemy import text

from models.database import DatabaseUnavailableError
from tests.chaos.clocks import HostClock
from tests.chaos.crashes import POINTS, STOPS
from tests.drill.demo_system import DemoSystem, NotHereError, Outcome, until

DEAD_SECONDS = 2
POSTED_NOT_LINKED = next(each for each in POINTS if each.name == "voucher posted, not linked")
LEASED = next(each for each in STOPS if each.name == "leased, nothing done")
AHEAD_SECONDS = 217
CHUNK = b"\0" * 2**20

BALLAST = "ballast"
FILL_PAGES = text(
    """
    insert into sync_jobs (connection_id, entity_type, record_id, state, received_at)
    select (select min(id) from connections), 'project', :ballast || gen_random_uuid(), 'done', now()
    from generate_series(1, :rows)
    """
)
ROWS = 2000, 50, 1
"""How many rows are written at a time, until no more fit."""


def worker(demo: DemoSystem) -> Outcome:
    """Kill the worker between a voucher's posting and its link, and start it again."""
    demo.die_at(POSTED_NOT_LINKED)
    demo.stack.parts["worker"].start()
    return Outcome(
        seconds=demo.until_well(), asserted="the voucher that had no link yet is found, not posted again"
    )


def hung_worker(demo: DemoSystem) -> Outcome:
    """Stop the worker for longer than its lease, and let it continue as if nothing had happened."""
    demo.die_at(LEASED)
    return Outcome(seconds=demo.until_well(), asserted="its running jobs are done once")


def beat(demo: DemoSystem) -> Outcome:
    """Kill beat, make Redis lose the wake-ups of webhooks, and start beat again."""
    before = demo.invoices
    demo.stack.parts["beat"].kill()
    demo.stack.parts["worker"].stop()
    demo.write()
    _empty_redis(demo)
    demo.stack.parts["worker"].start()
    time.sleep(DEAD_SECONDS)
    demo.expect_posted(before)
    demo.stack.parts["beat"].start()
    return Outcome(
        seconds=demo.until_well(), asserted="without beat nothing wakes the worker; beat dispatches again"
    )


def web(demo: DemoSystem) -> Outcome:
    """Kill the web while invoices are finalized, and start it again: their webhooks are lost."""
    demo.stack.parts["web"].kill()
    demo.write()
    time.sleep(DEAD_SECONDS)
    demo.stack.parts["web"].start()
    began = time.monotonic()
    demo.stack.wait_until_ready()
    demo.until_well()
    return Outcome(seconds=time.monotonic() - began, asserted="the poll finds what no webhook reported")


def redis(demo: DemoSystem) -> Outcome:
    """Kill Redis while invoices arrive, start it again, and empty it."""
    demo.stack.parts["redis"].kill()
    demo.write()
    status, output = demo.stack.health()
    assert (status, output["redis"]) == (200, "down"), output
    time.sleep(DEAD_SECONDS)
    demo.stack.parts["redis"].start()
    _empty_redis(demo)
    return Outcome(
        seconds=demo.until_well(), asserted="webhooks are accepted meanwhile, and readiness names Redis"
    )


def postgresql(demo: DemoSystem) -> Outcome:
    """Kill PostgreSQL while invoices arrive, and start it again."""
    demo.write(1)
    demo.stack.postgres.kill()
    demo.write(2)
    until("web is not ready", lambda: demo.stack.health()[0] == 503)
    time.sleep(DEAD_SECONDS)
    demo.stack.postgres.start()
    return Outcome(
        seconds=demo.until_well(), asserted="web is not ready meanwhile; workers continue by themselves"
    )


def disk(demo: DemoSystem) -> Outcome:
    """Fill PostgreSQL's disk to the last byte while invoices arrive, and make room again."""
    if demo.stack.no_small_disk:
        raise NotHereError(demo.stack.no_small_disk)
    ballast = demo.stack.postgres_folder / "ballast"
    _fill(demo, ballast)
    demo.write(2)

    def not_ready() -> bool:
        _fill(demo, ballast)  # a checkpoint frees space, which is filled too
        return demo.stack.health()[0] == 503

    until("web is not ready", not_ready)
    cause = demo.stack.health()[1]["postgresql"]
    ballast.unlink()
    if not demo.stack.postgres.alive:
        demo.stack.postgres.start()
    seconds = demo.until_well()
    with closing(demo.stack.database()) as database:
        database.execute(
            text("delete from sync_jobs where starts_with(record_id, :ballast)").bindparams(ballast=BALLAST)
        )
    until("web is ready", lambda: demo.stack.health()[0] == 200)
    return Outcome(seconds=seconds, asserted=f"web is not ready and says {cause}, and is ready again by itself")


def clock(demo: DemoSystem) -> Outcome:
    """Set the worker's clock ahead by more than three minutes, and correct it again."""
    wrong = HostClock(demo.stack.plan.state, "worker")
    wrong.set(AHEAD_SECONDS)
    time.sleep(2 * DEAD_SECONDS)  # it measures every two seconds
    before = demo.invoices
    demo.write(2)
    time.sleep(2 * DEAD_SECONDS)
    demo.expect_posted(before)
    wrong.set(0)
    return Outcome(seconds=demo.until_well(), asserted="it syncs nothing while its clock is wrong")


def _fill(demo: DemoSystem, ballast: Path) -> None:
    """Fill the rest of the disk, and of the inbox's pages."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(CHUNK)
    with closing(demo.stack.database()) as database:
        for rows in ROWS:
            with suppress(DatabaseUnavailableError):
                while True:
                    database.execute(FILL_PAGES.bindparams(ballast=BALLAST, rows=rows))


def _empty_redis(demo: DemoSystem) -> None:
    with Redis.from_url(demo.stack.environment["REDIS_URL"]) as client:
        client.flushall()
