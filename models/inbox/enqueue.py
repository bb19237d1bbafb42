"""Enqueueing: each record gets a job, or is merged into the job that it has."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.dialects.postgresql import Insert, insert

from models.database import Database
from models.enums import EntityType, Record
from models.inbox import restore
from models.inbox.job_updates import changed_values, new_job_values
from models.inbox.transitions import JobEvent
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
    """Enqueue records that need a sync: each gets a job, or is merged into the job that it has.

    ``as_dependency`` means that another record waits for them. ``outcome_unknown`` means that the other system may
    already have them, so that the flow verifies first.
    """
    in_lock_order = sorted(
        set(records), key=attrgetter("entity_type", "id")
    )  # so that transactions do not deadlock
    rows: list[dict[str, Any]] = [
        {
            "connection_id": connection_id,
            "entity_type": record.entity_type,
            "record_id": record.id,
            "received_at": now,
        }
        for record in in_lock_order
    ]
    if not rows:
        return
    event = JobEvent.NEEDED if as_dependency else JobEvent.RECEIVED
    unknown_by_type = {
        row["entity_type"]: restore.outcome_unknown(
            connection_id, row["entity_type"], as_dependency=as_dependency, assume_unknown=outcome_unknown
        )
        for row in rows
    }
    with database.statement() as connection:
        if len(rows) == 1:  # a single row's values are parameters, so the statement is compiled once
            values = new_job_values(event, now=now, outcome_unknown=unknown_by_type[rows[0]["entity_type"]])
            expressions = {
                name: values.pop(name) for name, value in tuple(values.items()) if isinstance(value, ColumnElement)
            }
            connection.execute(merge_into_existing(insert(JOBS).values(expressions), event), {**rows[0], **values})
        else:  # one query for each type, not for each row
            unknown = {
                entity_type: bool(connection.scalar(select(condition)))
                for entity_type, condition in unknown_by_type.items()
            }
            jobs = [
                {**row, **new_job_values(event, now=now, outcome_unknown=unknown[row["entity_type"]])}
                for row in rows
            ]
            connection.execute(merge_into_existing(insert(JOBS).values(jobs), event))


def merge_into_existing(
    rows: Insert, event: JobEvent, *, where: ColumnElement[bool] | None = None, **columns: object
) -> Insert:
    """Return the SQL that inserts jobs, or applies an event and sets ``columns`` if they exist and meet ``where``.

    An expense keeps its ``received_at``: its polls overlap, and only reading the voucher shows whether it has
    changed.
    """
    inserted = rows.excluded
    is_expense = SyncJobRow.entity_type == EntityType.EXPENSE
    return rows.on_conflict_do_update(
        index_elements=["connection_id", "entity_type", "record_id"],
        set_={
            "revision": SyncJobRow.revision + 1,
            "received_at": case((is_expense, SyncJobRow.received_at), else_=inserted.received_at),
            **changed_values(event, now=inserted.received_at, outcome_unknown=inserted.outcome_unknown),
            **columns,
        },
        where=where,
    )
