"""``grow``: whether a hundred times as much history makes current work slower."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from local import servers
from models import retention
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.connections.repository import Connections
from models.connections.vault import Vault
from models.database import Database, migrate
from models.enums import EntityType, Lane, Outcome, Record
from models.inbox import due, leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from models.inbox.transitions import JobEvent
from tests import factories
from tests.bench.figures import Row

SIZES = (10_000, 100_000, 1_000_000)
TIMES, BATCH, PRUNED = 40, 20, 100
MAX_FACTOR = 1.3
OLD = datetime(2020, 1, 1, tzinfo=UTC)

COMPLETED_JOBS = """
insert into sync_jobs (connection_id, entity_type, record_id, state, due_at, received_at, completed_at, outcome, search_terms)
select :connection, 'invoice', n::text, 'done', null, at, at, 'synced', array_to_tsvector(array[n::text])
from generate_series(:first, :last) as n, lateral (select now() - n * interval '1 second' as at) as instant
"""
TRIED = """
insert into attempts (job_id, at, seconds, outcome, error_code, message)
select id, completed_at, 0.1, 'synced', '', '"done"' from sync_jobs where record_id::bigint between :first and :last
"""
OUTDATED = """
insert into attempts (job_id, at, seconds, outcome, error_code, message)
select id, :old, 0.1, 'synced', '', '"done"' from sync_jobs order by id limit :count
"""


def grow() -> Row:
    """Do the same work on three databases in turns, so that a slow moment of the machine affects all."""
    with (
        TemporaryDirectory() as state,
        servers.postgres(Path(state) / "postgres", port=0, durable=False) as server,
    ):
        lanes = {size: _filled(server.url, size) for size in SIZES}
        taken: dict[int, dict[str, list[float]]] = {size: defaultdict(list) for size in SIZES}
        for turn in range(TIMES):
            for size, (database, lane) in lanes.items():
                _measure(database, lane, turn, taken[size])
        for database, _ in lanes.values():
            database.close()
    medians = {size: {verb: median(each) for verb, each in verbs.items()} for size, verbs in taken.items()}
    times = {verb: medians[SIZES[-1]][verb] / least for verb, least in medians[SIZES[0]].items()}
    return Row(
        goal=f"each <= {MAX_FACTOR} x from {SIZES[0]} to {SIZES[-1]} settled rows",
        reached=max(times.values()) <= MAX_FACTOR,
        figures={f"{verb}_times": value for verb, value in times.items()}
        | {f"{verb}_ms": " ".join(f"{each[verb]:.2f}" for each in medians.values()) for verb in times},
    )


def _filled(url: str, size: int) -> tuple[Database, Lane]:
    """Make a database with one connection that has ``size`` finished jobs, each with an attempt."""
    name = f"rows_{size}"
    origin = Database(SecretStr(url))
    with origin.statement() as single:
        single.execute(text(f"create database {name}"))
    origin.close()
    address = SecretStr(f"{url.rpartition('/')[0]}/{name}")
    migrate(address)
    database = Database(address)
    vault = Vault([SecretStr(Fernet.generate_key().decode())])
    connection, _ = Connections(database, vault).add("Old", factories.settings(), actor="bench", now=_now())
    _fill(database, connection.id, size)
    return database, Lane(connection.id, EntityType.INVOICE)


def _fill(database: Database, connection_id: int, size: int) -> None:
    span = {"first": 1, "last": size}
    with database.transaction() as session:
        session.execute(text("set local statement_timeout = 0"))
        session.execute(text(COMPLETED_JOBS), {"connection": connection_id, **span})
        session.execute(text(TRIED), span)
    with database.statement() as connection:
        connection.execute(text("vacuum analyze"))


def _measure(database: Database, lane: Lane, turn: int, taken: dict[str, list[float]]) -> None:
    """Measure each operation once, in milliseconds."""

    def timed(verb: str, act: Callable[[], object]) -> None:
        began = time.perf_counter()
        act()
        taken[verb].append((time.perf_counter() - began) * 1000)

    new = [Record(lane.entity_type, str(10**9 + turn * BATCH + n)) for n in range(BATCH)]
    timed("enqueue", lambda: enqueue(database, lane.connection_id, new, now=_now()))
    timed("dispatch_due", lambda: due.lanes(database, now=_now()))
    timed("lease", lambda: _lease_and_complete(database, lane))
    timed("list", lambda: job_list.page(database, JobFilter(connection_id=lane.connection_id)))
    with database.transaction() as session:
        session.execute(text(OUTDATED), {"old": OLD, "count": PRUNED})
    timed("delete_attempts", lambda: retention.delete_attempts(database, before=OLD + timedelta(days=1)))


def _lease_and_complete(database: Database, lane: Lane) -> None:
    now = _now()
    lease = leases.acquire(database, lane, limit=BATCH, now=now, until=now + timedelta(minutes=5))
    if lease is None:
        raise RuntimeError("There was nothing to lease.")
    done = [AttemptResult(job_id=each.id, event=JobEvent.SYNCED, outcome=Outcome.SYNCED) for each in lease.jobs]
    leases.complete(database, lease, done, clock=lambda: now)


def _now() -> datetime:
    return datetime.now(UTC)
