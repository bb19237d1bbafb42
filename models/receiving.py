"""What comes into the inbox: a row for each record, merged into the one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, or_
from sqlalchemy.dialects.postgresql import insert

from models import doubts, lingering
from models.tables import ChangeRow
from models.words import WELL, Record, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.dialects.postgresql import Insert

    from models.base import Database

CHANGES = ChangeRow.metadata.tables["changes"]


def put(
    database: Database,
    connection_id: int,
    records: Iterable[Record],
    *,
    now: datetime,
    needed: bool,
    doubtful: bool = False,
) -> None:
    """Put records into the inbox, as ``receive`` does, or as ``need`` does where they are needed."""
    rows: list[dict[str, Any]] = [
        {
            "connection_id": connection_id,
            "kind": record.kind,
            "record_id": record.id,
            "state": State.WAITING,
            "due_at": now,
            "received_at": now,
        }
        for record in sorted(set(records), key=lambda record: (record.kind, record.id))  # one order: no deadlocks
    ]
    if not rows:
        return
    with database.statement() as connection:
        if len(rows) == 1:  # a single row comes beside the statement, which is then made once and for all
            doubt = doubts.over(connection_id, rows[0]["kind"], needed=needed, doubtful=doubtful)
            connection.execute(merged(insert(CHANGES).values(uncertain=doubt), needed=needed), rows[0])
        else:
            weighed = doubts.weighed(connection, rows, needed=needed, doubtful=doubtful)
            connection.execute(merged(insert(CHANGES).values(weighed), needed=needed))


def merged(fresh: Insert, *, needed: bool) -> Insert:
    """Say in SQL that rows merge into those that are there: like :func:`receive`, or like :func:`need`."""
    looked_at = and_(ChangeRow.state == State.WAITING, ChangeRow.outcome.in_(WELL))
    over = or_(ChangeRow.state.in_([State.SETTLED, State.STUCK]), looked_at)
    again, given = (ChangeRow.state == State.SETTLED if needed else over), fresh.excluded
    return fresh.on_conflict_do_update(
        index_elements=["connection_id", "kind", "record_id"],
        set_={
            "revision": ChangeRow.revision + 1,
            "received_at": given.received_at,
            "state": case((again, given.state), else_=ChangeRow.state),
            "due_at": case((again, lingering.due(given.due_at)), else_=ChangeRow.due_at),
            "tries": case((again, 0), else_=ChangeRow.tries),
            "waits_for_kind": case((again, None), else_=ChangeRow.waits_for_kind),
            "waits_for_id": case((again, None), else_=ChangeRow.waits_for_id),
            "uncertain": or_(ChangeRow.uncertain, given.uncertain),
        },
    )
