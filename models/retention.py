"""Retention: the deletion of old data, in batches, so that not even the first run holds locks for long.

:mod:`worker.handlers.retention` calls it with the settings ``ATTEMPT_DAYS``, ``JOB_DAYS``, ``ALERT_DAYS``,
``AUDIT_DAYS`` and ``EVENT_DAYS``.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from sqlalchemy.orm import Session

from models.database import Database
from models.enums import EntityType, JobState
from models.schema.audit_entries import MIN_RETENTION, allow_deletion
from models.schema.receiver_tables import EventRow
from models.schema.tables import AlertRow, AttemptRow, AuditRow, SyncJobRow

DeletableRow = type[AlertRow | AttemptRow | AuditRow | EventRow | SyncJobRow]

BATCH_SIZE = 2000
"""The most rows that one transaction deletes."""


def delete_attempts(database: Database, *, before: datetime) -> int:
    """Delete the attempts from before an instant (UTC) with their calls; the state of the jobs is kept."""
    return _delete_in_batches(database, AttemptRow, AttemptRow.at < before)


def delete_alerts(database: Database, *, before: datetime) -> int:
    """Delete the alerts whose delivery ended before an instant (UTC); unsent ones are kept."""
    return _delete_in_batches(database, AlertRow, AlertRow.ended_at < before)


def delete_events(database: Database, *, before: datetime) -> int:
    """Delete the events for receivers from before an instant (UTC), with their deliveries."""
    return _delete_in_batches(database, EventRow, EventRow.created_at < before)


def delete_audit_entries(database: Database, *, before: datetime) -> int:
    """Delete the audit entries from before an instant (UTC) that are older than their minimum age."""
    allow, old = partial(allow_deletion, before=before), AuditRow.at < func.now() - MIN_RETENTION
    return _delete_in_batches(database, AuditRow, and_(AuditRow.at < before, old), allow=allow)


def delete_done_jobs(database: Database, *, before: datetime) -> int:
    """Delete the jobs that were done before an instant (UTC) and have not been received since.

    Their links stay, so that a record that changes again is recognized. A job is kept as long as its audit
    entries. Dismissed jobs are kept forever, and so are jobs with an unknown outcome, because they have no link.
    """
    of_any_type = SyncJobRow.entity_type.in_(list(EntityType))  # so that the index is used
    old = and_(
        of_any_type, ~SyncJobRow.outcome_unknown, SyncJobRow.received_at < before, SyncJobRow.completed_at < before
    )
    has_audit_entries = exists(select(AuditRow.id).where(AuditRow.job_id == SyncJobRow.id))
    return _delete_in_batches(
        database, SyncJobRow, and_(SyncJobRow.state == JobState.DONE, old, ~has_audit_entries)
    )


def _delete_in_batches(
    database: Database,
    table: DeletableRow,
    old: ColumnElement[bool],
    *,
    allow: Callable[[Session], None] = lambda _: None,
) -> int:
    """Delete rows in batches and return their number; locked rows are left for the next run."""
    ids, deleted, last = select(table.id).where(old).limit(BATCH_SIZE), 0, BATCH_SIZE
    while last == BATCH_SIZE:
        with database.transaction() as session:
            allow(session)
            found = session.scalars(ids.with_for_update(skip_locked=True)).all()
            # checked again, because a person may just have acted on the job, which keeps it
            session.execute(delete(table).where(table.id.in_(found), old))
        last = len(found)
        deleted += last
    return deleted
