"""What comes into the inbox: a job for each record, merged into the one that is there."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import and_, case, or_, select
from sqlalchemy.dialects.postgresql import Insert, insert

from models.database import Database
from models.enums import SUCCESSFUL, JobState, Record
from models.inbox import restore, verification_delay
from models.schema.tables import SyncJobRow

JOBS = SyncJobRow.metadata.tables["sync_jobs"]


def enqueue(
    database: Database,
    connection_id: int,
    records: Iterable[Record],
    *,
    now: datetime,
    as_dependency: bool = False,
    outcome_unknown: bool = False,
) -> None:
    """Note that these records need a sync: a job for each, merged into the one that is there.

    A running job is due again afterwards, one that waits after a failure keeps its time (so that a storm of
    webhooks does not undo the growing waits), and one that a person dismissed stays dismissed. Where another
    record waits for these (``as_dependency``), what needs attention is left alone too. ``outcome_unknown`` says
    that the other system may have them already, so that the flow looks there first.
    """
    rows: list[dict[str, Any]] = [
        {
            "connection_id": connection_id,
            "entity_type": record.entity_type,
            "record_id": record.id,
            "state": JobState.QUEUED,
            "due_at": now,
            "received_at": now,
        }
        for record in sorted(set(records), key=attrgetter("entity_type", "id"))  # as all lock: no deadlocks
    ]
    if not rows:
        return
    doubts = {
        row["entity_type"]: restore.outcome_unknown(
            connection_id, row["entity_type"], as_dependency=as_dependency, assume_unknown=outcome_unknown
        )
        for row in rows
    }
    with database.statement() as connection:
        if len(rows) == 1:  # a single row comes beside the statement, which is then made once and for all
            fresh = insert(JOBS).values(outcome_unknown=doubts[rows[0]["entity_type"]])
            connection.execute(merge_into_existing(fresh, as_dependency=as_dependency), rows[0])
        else:  # one question for each kind, not for each row
            answers = {entity_type: connection.scalar(select(doubt)) for entity_type, doubt in doubts.items()}
            fresh = insert(JOBS).values([{**row, "outcome_unknown": answers[row["entity_type"]]} for row in rows])
            connection.execute(merge_into_existing(fresh, as_dependency=as_dependency))


def merge_into_existing(fresh: Insert, *, as_dependency: bool) -> Insert:
    """Say in SQL that rows merge into those that are there, as :func:`enqueue` tells."""
    looked_at = and_(SyncJobRow.state == JobState.QUEUED, SyncJobRow.outcome.in_(SUCCESSFUL))
    over = or_(SyncJobRow.state.in_([JobState.DONE, JobState.NEEDS_ATTENTION]), looked_at)
    again, given = (SyncJobRow.state == JobState.DONE if as_dependency else over), fresh.excluded
    return fresh.on_conflict_do_update(
        index_elements=["connection_id", "entity_type", "record_id"],
        set_={
            "revision": SyncJobRow.revision + 1,
            "received_at": given.received_at,
            "state": case((again, given.state), else_=SyncJobRow.state),
            "due_at": case((again, verification_delay.earliest_retry(given.due_at)), else_=SyncJobRow.due_at),
            "failed_attempts": case((again, 0), else_=SyncJobRow.failed_attempts),
            "dependency_type": case((again, None), else_=SyncJobRow.dependency_type),
            "dependency_id": case((again, None), else_=SyncJobRow.dependency_id),
            "outcome_unknown": or_(SyncJobRow.outcome_unknown, given.outcome_unknown),
        },
    )
