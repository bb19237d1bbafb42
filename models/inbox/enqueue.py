"""Enqueueing records: one job for each, merged into an existing one."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.dialects.postgresql import Insert, insert

from models.database import Database
from models.enums import EntityType, Record
from models.inbox import restore
from models.inbox.job_updates import changed_by, fresh
from models.inbox.transitions import Event
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
    """Enqueue records that need a sync: one job for each, merged into an existing one.

    ``as_dependency`` says that another record waits for them. ``outcome_unknown`` says that the other system may
    have them already, so that the flow verifies first.
    """
    rows: list[dict[str, Any]] = [
        {
            "connection_id": connection_id,
            "entity_type": record.entity_type,
            "record_id": record.id,
            "received_at": now,
        }
        for record in sorted(
            set(records), key=attrgetter("entity_type", "id")
        )  # the common lock order: no deadlocks
    ]
    if not rows:
        return
    event = Event.NEEDED if as_dependency else Event.RECEIVED
    doubts = {
        row["entity_type"]: restore.outcome_unknown(
            connection_id, row["entity_type"], as_dependency=as_dependency, assume_unknown=outcome_unknown
        )
        for row in rows
    }
    with database.statement() as connection:
        if len(rows) == 1:  # a single row's values are parameters, so the statement is compiled once
            made = fresh(event, now=now, outcome_unknown=doubts[rows[0]["entity_type"]])
            doubt = {
                name: made.pop(name) for name, value in tuple(made.items()) if isinstance(value, ColumnElement)
            }
            connection.execute(merge_into_existing(insert(JOBS).values(doubt), event), {**rows[0], **made})
        else:  # one query per type, not per row
            answers = {
                entity_type: bool(connection.scalar(select(doubt))) for entity_type, doubt in doubts.items()
            }
            every = [{**row, **fresh(event, now=now, outcome_unknown=answers[row["entity_type"]])} for row in rows]
            connection.execute(merge_into_existing(insert(JOBS).values(every), event))


def merge_into_existing(rows: Insert, event: Event) -> Insert:
    """Return the SQL that merges inserted jobs into existing ones, as an event has it.

    An expense keeps its ``received_at``: its polls overlap, and only reading the voucher shows whether it has
    changed.
    """
    given = rows.excluded
    kept = case((SyncJobRow.entity_type == EntityType.EXPENSE, SyncJobRow.received_at), else_=given.received_at)
    return rows.on_conflict_do_update(
        index_elements=["connection_id", "entity_type", "record_id"],
        set_={
            "revision": SyncJobRow.revision + 1,
            "received_at": kept,
            **changed_by(event, now=given.received_at, outcome_unknown=given.outcome_unknown),
        },
    )
