"""Doubts: after a backup was restored, what a lane receives may have come across since the backup was made.

The links of those days are lost. So a lane that was restored doubts what it receives until a poll has caught up
with them: each such change is uncertain from the start, and looked for in the other system before it is sent.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.database import Database
from models.enums import EntityType
from models.inbox.job_updates import concerns, update_by
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.tables import (
    AlertRow,
    ConnectionRow,
    CursorRow,
    LaneRow,
    RestoredLaneRow,
    SessionRow,
    SyncJobRow,
)

SEQUENCE_GAP = 1_000_000
"""Numbers that are left out after a restore: mails sent since the backup name changes and themselves by some."""


def outcome_unknown(
    connection_id: int | ColumnElement[int],
    entity_type: EntityType | ColumnElement[str],
    *,
    as_dependency: bool,
    assume_unknown: bool = False,
) -> ColumnElement[bool]:
    """Say in SQL whether a record that a lane receives may have come across already.

    One that is ``as_dependency`` by another record is in doubt for good, as it may never be polled; one is
    ``assume_unknown`` where whoever received it says so.
    """
    if assume_unknown:
        return true()
    query = select(RestoredLaneRow.entity_type).where(
        RestoredLaneRow.connection_id == connection_id, RestoredLaneRow.entity_type == entity_type
    )
    if not as_dependency:
        behind = select(CursorRow.entity_type).where(
            CursorRow.connection_id == RestoredLaneRow.connection_id,
            CursorRow.entity_type == RestoredLaneRow.entity_type,
            CursorRow.position > RestoredLaneRow.restored_at,
        )
        query = query.where(~exists(behind))
    return exists(query)


def mark_restored(
    database: Database,
    *,
    connection_ids: Collection[int] | None,
    since: datetime | None,
    actor: str,
    now: datetime,
) -> int:
    """Note that the database, or only what it knows of some connections, was restored from a backup.

    Where it is all of them, everybody is signed out and new mails get new numbers. The sources are asked again
    ``since`` when (UTC), else from where the backup left off. Tells how many changes that were not settled in the
    backup are looked for before they are sent.
    """
    with database.transaction() as session:
        ours = ConnectionRow.id.in_(connection_ids) if connection_ids is not None else true()
        connections = select(ConnectionRow.id).where(ours).order_by(ConnectionRow.id)  # the first to be locked
        found = session.scalars(connections.with_for_update(key_share=True)).all()
        lanes = _lanes(found)
        if since:
            _rewind_cursors(session, lanes, since=since, start=connection_ids is not None)
        if connection_ids is None:
            _end_sessions_and_skip_ids(session)
        marked = doubt(session, found, now=now)
        add_entry(session, at=now, actor=actor, action=msg("Reported that a backup was restored"))
    return marked


def doubt(session: Session, connection_ids: Collection[int], *, now: datetime) -> int:
    """Have what connections receive, and what is not done, verified before it is sent; their leases are void.

    The connections' rows are locked. Returns how many jobs that were not done are looked for.
    """
    _mark_lanes(session, _lanes(connection_ids), now=now)
    session.execute(
        update(LaneRow)
        .where(LaneRow.connection_id.in_(connection_ids))
        .values(lease_id=None, lease_expires_at=None)
    )  # the lease in a backup is nobody's
    concerned = and_(SyncJobRow.connection_id.in_(connection_ids), concerns(Event.RESTORED))
    marked = session.scalars(locked(select(SyncJobRow.id).where(concerned))).all()
    session.execute(update_by(Event.RESTORED, now=now, lease_id=None).where(SyncJobRow.id.in_(marked)))
    return len(marked)


def _lanes(connection_ids: Collection[int]) -> Sequence[Mapping[str, Any]]:
    return [
        {"connection_id": number, "entity_type": entity_type}
        for number in connection_ids
        for entity_type in EntityType
    ]


def _mark_lanes(session: Session, lanes: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    if lanes:
        row = insert(RestoredLaneRow).values([{**lane, "restored_at": now} for lane in lanes])
        key = ("connection_id", "entity_type")
        session.execute(row.on_conflict_do_update(index_elements=key, set_={"restored_at": now}))


def _rewind_cursors(session: Session, lanes: Sequence[Mapping[str, Any]], *, since: datetime, start: bool) -> None:
    """Have lanes polled from ``since`` on, and where asked to ``start`` also those that never were."""
    key = ("connection_id", "entity_type")
    which = tuple_(CursorRow.connection_id, CursorRow.entity_type).in_([tuple(lane.values()) for lane in lanes])
    position = func.least(CursorRow.position, since)
    session.execute(update(CursorRow).where(which).values(position=position))
    if start and lanes:
        rows = insert(CursorRow).values([{**lane, "position": since} for lane in lanes])
        session.execute(rows.on_conflict_do_nothing(index_elements=key))


def _end_sessions_and_skip_ids(session: Session) -> None:
    """Let nothing of what was in the world since the backup be taken for what is to come.

    Who had signed out would be signed in again, and a new mail or change would bear the number of another one.
    """
    session.execute(delete(SessionRow))
    for table in (SyncJobRow.__tablename__, AlertRow.__tablename__):
        numbers = func.pg_get_serial_sequence(table, "id")
        session.execute(select(func.setval(numbers, func.nextval(numbers) + SEQUENCE_GAP)))
