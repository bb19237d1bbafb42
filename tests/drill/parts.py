"""Drills that remove a part of the installation: processes, servers, the disk, the right time."""

import time
from contextlib import closing, suppress
from pathlib import Path

from redis import Redis
from sqlalchemy import text

from models.database import DatabaseUnavailableError
from tests.chaos.clocks import HostClock
from tests.chaos.crashes import POINTS, STOPS
from tests.drill.scene import NotHereError, Outcome, Scene, until

DEAD_SECONDS = 2
POSTED_NOT_LINKED = next(each for each in POINTS if each.name == "voucher posted, not linked")
CLAIMED = next(each for each in STOPS if each.name == "claimed, nothing done")
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


def worker(scene: Scene) -> Outcome:
    """Kill the worker between a voucher's posting and its link, and start it again."""
    scene.die_at(POSTED_NOT_LINKED)
    scene.stack.parts["worker"].start()
    return Outcome(
        seconds=scene.until_well(), asserted="the voucher that had no link yet is found, not posted again"
    )


def hung_worker(scene: Scene) -> Outcome:
    """Stop the worker for longer than its lease, and let it continue as if nothing had happened."""
    scene.die_at(CLAIMED)
    return Outcome(seconds=scene.until_well(), asserted="its running jobs are done once")


def beat(scene: Scene) -> Outcome:
    """Kill beat, make Redis lose the wake-ups of webhooks, and start beat again."""
    before = scene.invoices
    scene.stack.parts["beat"].kill()
    scene.stack.parts["worker"].stop()
    scene.write()
    _empty_redis(scene)
    scene.stack.parts["worker"].start()
    time.sleep(DEAD_SECONDS)
    scene.expect_posted(before)
    scene.stack.parts["beat"].start()
    return Outcome(
        seconds=scene.until_well(), asserted="without beat nothing wakes the worker; beat dispatches again"
    )


def web(scene: Scene) -> Outcome:
    """Kill the web while invoices are finalized, and start it again: their webhooks are lost."""
    scene.stack.parts["web"].kill()
    scene.write()
    time.sleep(DEAD_SECONDS)
    scene.stack.parts["web"].start()
    began = time.monotonic()
    scene.stack.wait_until_ready()
    scene.until_well()
    return Outcome(seconds=time.monotonic() - began, asserted="the poll finds what no webhook reported")


def redis(scene: Scene) -> Outcome:
    """Kill Redis while invoices arrive, start it again, and empty it."""
    scene.stack.parts["redis"].kill()
    scene.write()
    status, output = scene.stack.health()
    assert (status, output["redis"]) == (200, "down"), output
    time.sleep(DEAD_SECONDS)
    scene.stack.parts["redis"].start()
    _empty_redis(scene)
    return Outcome(
        seconds=scene.until_well(), asserted="webhooks are accepted meanwhile, and readiness names Redis"
    )


def postgresql(scene: Scene) -> Outcome:
    """Kill PostgreSQL while invoices arrive, and start it again."""
    scene.write(1)
    scene.stack.postgres.kill()
    scene.write(2)
    until("web is not ready", lambda: scene.stack.health()[0] == 503)
    time.sleep(DEAD_SECONDS)
    scene.stack.postgres.start()
    return Outcome(
        seconds=scene.until_well(), asserted="web is not ready meanwhile; workers continue by themselves"
    )


def disk(scene: Scene) -> Outcome:
    """Fill PostgreSQL's disk to the last byte while invoices arrive, and make room again."""
    if scene.stack.no_small_disk:
        raise NotHereError(scene.stack.no_small_disk)
    ballast = scene.stack.postgres_folder / "ballast"
    _fill(scene, ballast)
    scene.write(2)

    def not_ready() -> bool:
        _fill(scene, ballast)  # a checkpoint frees space, which is filled too
        return scene.stack.health()[0] == 503

    until("web is not ready", not_ready)
    cause = scene.stack.health()[1]["postgresql"]
    ballast.unlink()
    if not scene.stack.postgres.alive:
        scene.stack.postgres.start()
    seconds = scene.until_well()
    with closing(scene.stack.database()) as database:
        database.execute(
            text("delete from sync_jobs where starts_with(record_id, :ballast)").bindparams(ballast=BALLAST)
        )
    until("web is ready", lambda: scene.stack.health()[0] == 200)
    return Outcome(seconds=seconds, asserted=f"web is not ready and says {cause}, and is ready again by itself")


def clock(scene: Scene) -> Outcome:
    """Set the worker's clock ahead by more than three minutes, and correct it again."""
    wrong = HostClock(scene.stack.plan.state, "worker")
    wrong.set(AHEAD_SECONDS)
    time.sleep(2 * DEAD_SECONDS)  # it measures every two seconds
    before = scene.invoices
    scene.write(2)
    time.sleep(2 * DEAD_SECONDS)
    scene.expect_posted(before)
    wrong.set(0)
    return Outcome(seconds=scene.until_well(), asserted="it syncs nothing while its clock is wrong")


def _fill(scene: Scene, ballast: Path) -> None:
    """Fill the rest of the disk, and of the inbox's pages."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(CHUNK)
    with closing(scene.stack.database()) as database:
        for rows in ROWS:
            with suppress(DatabaseUnavailableError):
                while True:
                    database.execute(FILL_PAGES.bindparams(ballast=BALLAST, rows=rows))


def _empty_redis(scene: Scene) -> None:
    with Redis.from_url(scene.stack.environment["REDIS_URL"]) as client:
        client.flushall()
