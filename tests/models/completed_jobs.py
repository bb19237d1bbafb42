"""Takes changes through the inbox, so that a test says in a line what they ended in."""

from datetime import datetime, timedelta
from typing import Any

from models.admin import job_actions
from models.admin.job_list import JobView
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from tests.factories import NOW

HOUR = timedelta(hours=1)
INVOICE = Record(EntityType.INVOICE, "9")


def completed_job(
    database: Database,
    connection_id: int,
    record: Record = INVOICE,
    *,
    state: JobState = JobState.DONE,
    at: datetime = NOW,
    **values: Any,
) -> JobView:
    """Receive a record, have it attempted in the same instant, and tell how it stands."""
    enqueue(database, connection_id, [record], now=at)
    lease = leases.acquire(database, Lane(connection_id, record.entity_type), limit=1, now=at, until=at + HOUR)
    assert lease
    outcome = Outcome.FAILED if state in (JobState.NEEDS_ATTENTION, JobState.QUEUED) else Outcome.SYNCED
    ended = AttemptResult(lease.jobs[0].id, state, **{"due_at": at + HOUR, "outcome": outcome, **values})
    leases.complete(database, lease, [ended], clock=lambda: at)
    found = job_actions.find(database, connection_id, record)
    assert found
    return found
