"""Jobs that went through the inbox, so that a test says in one line how they ended."""

from datetime import datetime, timedelta
from typing import Any

from models.admin import job_details
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record
from models.inbox import leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult, SyncJob
from models.inbox.transitions import JobEvent
from models.schema.tables import ConnectionRow
from tests.factories import NOW

HOUR = timedelta(hours=1)
INVOICE = Record(EntityType.INVOICE, "9")
OUTCOMES = {JobEvent.SYNCED: Outcome.SYNCED, JobEvent.SKIPPED: Outcome.SKIPPED, JobEvent.UNTRIED: None}


def make_result(
    job: SyncJob, event: JobEvent = JobEvent.SYNCED, *, at: datetime = NOW, **values: Any
) -> AttemptResult:
    """Make the result of an attempt; one that is retried is due an hour later."""
    outcome = OUTCOMES.get(event, Outcome.FAILED)
    due_at = None if outcome in (Outcome.SYNCED, Outcome.SKIPPED) else at + HOUR
    return AttemptResult(job_id=job.id, event=event, **{"due_at": due_at, "outcome": outcome, **values})


def completed_job(
    database: Database,
    connection_id: int,
    record: Record = INVOICE,
    *,
    event: JobEvent = JobEvent.SYNCED,
    at: datetime = NOW,
    **values: Any,
) -> JobView:
    """Receive a record, complete an attempt at the same instant, and return its job."""
    enqueue(database, connection_id, [record], now=at)
    if record.entity_type is EntityType.EXPENSE:  # expenses are off by default
        with database.transaction() as session:
            row = session.get_one(ConnectionRow, connection_id)
            row.settings = {**row.settings, "entity_types": [*EntityType]}
    lease = leases.acquire(database, Lane(connection_id, record.entity_type), limit=1, now=at, until=at + HOUR)
    assert lease
    leases.complete(database, lease, [make_result(lease.jobs[0], event, at=at, **values)], clock=lambda: at)
    found = job_details.find_by_record(database, connection_id, record)
    assert found
    return found


def only(job: JobView) -> JobFilter:
    return JobFilter(ids=frozenset({job.id}))
