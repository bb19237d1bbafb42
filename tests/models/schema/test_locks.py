"""Concurrent writers of the same few records: none may deadlock with another."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from models.admin import job_actions
from models.admin.job_filter import JobFilter
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record
from models.inbox import circuit_breaker, dependencies, due, leases, links
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult, LeaseLostError, SyncJob
from models.inbox.links import Link
from models.inbox.transitions import JobEvent
from tests.factories import settings
from tests.models import outages
from worker.container import clock

ENTITY_TYPES = (EntityType.CUSTOMER, EntityType.PROJECT)
TIMES = 12
CONNECTIONS = 6
ALERT = Alert(
    type=AlertType.NEEDS_ATTENTION,
    title="Kari AS",
    message="It was refused.",
    remedy="Mend it.",
    recipients=("books@example.com",),
)


@pytest.mark.slow
def test_concurrent_writers_of_the_inbox_do_not_deadlock(
    database: Database, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        circuit_breaker, "open_duration", lambda *_, **__: timedelta()
    )  # otherwise nothing would be leased
    monkeypatch.setattr(circuit_breaker, "FAILURE_THRESHOLD", 1)
    monkeypatch.setattr(circuit_breaker, "OUTAGE_ALERT_AFTER", timedelta())
    rng = random.Random(1)  # noqa: S311 - the same dice each time
    for number in range(CONNECTIONS):  # insert leases, statistics and links, which are only updated later
        connection, _ = connections.add(
            f"Firm {number}", settings(moment_company=f"c{number}"), actor="test", now=clock()
        )
        notify = partial(receive, database, connection.id, rng)
        run_at_once(notify, times=3)
        run_at_once(
            notify,
            partial(poll, database, connection.id, rng),
            *[
                partial(process, database, Lane(connection.id, entity_type), rng)
                for entity_type in ENTITY_TYPES * 2
            ],
            partial(sweep, database),
            partial(retry_all, database),
            times=TIMES,
        )


def run_at_once(*functions: Callable[[], None], times: int) -> None:
    """Run each function ``times`` times beside the others; raise what any of them raised."""

    def repeat(function: Callable[[], None]) -> None:
        for _ in range(times):
            function()

    with ThreadPoolExecutor(len(functions)) as threads:
        list(threads.map(repeat, functions))


def some(rng: random.Random, entity_type: EntityType) -> Record:
    return Record(entity_type, str(rng.randint(1, 6)))


def receive(database: Database, connection_id: int, rng: random.Random) -> None:
    enqueue(database, connection_id, [some(rng, rng.choice(ENTITY_TYPES))], now=clock())


def poll(database: Database, connection_id: int, rng: random.Random) -> None:
    records = [some(rng, entity_type) for entity_type in ENTITY_TYPES for _ in range(4)]
    enqueue(database, connection_id, records, now=clock())


def sweep(database: Database) -> None:
    dependencies.wake_satisfied(database, now=clock())
    due.lanes(database, now=clock())


def retry_all(database: Database) -> None:
    job_actions.retry(database, JobFilter(), actor="Kari", now=clock())


def process(database: Database, lane: Lane, rng: random.Random) -> None:
    now = clock()
    lease = leases.acquire(database, lane, limit=10, now=now, until=now + timedelta(seconds=6))
    if lease is None:
        return
    other = ENTITY_TYPES[lane.entity_type is ENTITY_TYPES[0]]
    enqueue(database, lane.connection_id, [some(rng, other)], now=clock(), as_dependency=True)
    try:
        failing = rng.random() < 0.5  # otherwise a synced job ends the outage
        results = [make_result(database, lane, job, some(rng, other), rng, failing=failing) for job in lease.jobs]
        rng.shuffle(results)
        leases.complete(database, lease, results, clock=clock)
    except LeaseLostError:
        return


def make_result(
    database: Database, lane: Lane, job: SyncJob, other: Record, rng: random.Random, *, failing: bool
) -> AttemptResult:
    if rng.random() < 0.5:
        link = Link(f"{job.record.entity_type} {job.record.id}")
        links.save(database, lane.connection_id, job.record, link, now=clock())
        return AttemptResult(job_id=job.id, event=JobEvent.SYNCED, outcome=Outcome.SYNCED, title="Kari AS")
    dependency = other if rng.random() < 0.5 else None
    return AttemptResult(
        job_id=job.id,
        event=JobEvent.DEPENDENCY_PENDING if dependency else JobEvent.FAILED,
        due_at=clock(),
        outcome=Outcome.FAILED,
        title="Kari AS",
        dependency=dependency,
        problem=outages.problem(AlertType.OUTAGE) if failing else None,
        alert=ALERT,
    )
