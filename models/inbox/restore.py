"""Restoring a backup: records that a lane receives may have been synced after the backup was made.

The links saved after the backup are lost. Until a poll has caught up, the outcome of every record that a restored
lane receives counts as unknown, and is verified in the other system before anything is sent.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, delete, exists, func, select, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.database import Database
from models.enums import EntityType
from models.inbox.job_updates import concerns, update_by
from models.inbox.transitions import JobEvent
from models.receivers import repository as receivers
from models.receivers.outbox import DisabledBecause
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.tables import Base, ConnectionRow, CursorRow, LaneRow, RestoredLaneRow, SyncJobRow
from models.schema.user_tables import SessionRow
from models.users import tokens

SEQUENCE_GAP = 1_000_000
"""Ids that are skipped after a restore, because mails, logs and programs may have later ones than the backup."""

SHORT_GAP = 1_000
"""The ids that are skipped of connections, users and API tokens, which are few."""


def outcome_unknown(
    connection_id: int | ColumnElement[int],
    entity_type: EntityType | ColumnElement[str],
    *,
    as_dependency: bool,
    assume_unknown: bool = False,
) -> ColumnElement[bool]:
    """Return the SQL condition that a record which a lane receives may already have been synced.

    For a record received ``as_dependency`` of another one, this never ends, because it may never be polled. With
    ``assume_unknown``, the condition is always true.
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
    """Save that the database, or only the data of some connections, was restored from a backup.

    After a restore of the whole database, all users are signed out, all API tokens are revoked, all receivers are
    disabled and ids are skipped. The sources are polled from ``since`` (UTC), by default from the backup's
    position. Return how many jobs that were not done in the backup will be verified before they are sent.
    """
    with database.transaction() as session:
        is_restored = ConnectionRow.id.in_(connection_ids) if connection_ids is not None else true()
        connections = select(ConnectionRow.id).where(is_restored).order_by(ConnectionRow.id)  # the first lock
        found = session.scalars(connections.with_for_update(key_share=True)).all()
        lanes = _lanes(found)
        if since:
            _rewind_cursors(session, lanes, since=since, start=connection_ids is not None)
        if connection_ids is None:
            _withdraw_access(session, actor=actor, now=now)
            _skip_ids(session)
        marked = mark_outcomes_unknown(session, found, now=now)
        add_entry(session, at=now, actor=actor, action=msg("Reported that a backup was restored"))
    return marked


def mark_outcomes_unknown(session: Session, connection_ids: Collection[int], *, now: datetime) -> int:
    """Mark outcomes as unknown: of every record that these connections receive, and of every unfinished job.

    Leases are cancelled and the connections' rows are locked. Return how many unfinished jobs there are.
    """
    if lanes := [{**lane, "restored_at": now} for lane in _lanes(connection_ids)]:
        row, key = insert(RestoredLaneRow).values(lanes), ("connection_id", "entity_type")
        session.execute(row.on_conflict_do_update(index_elements=key, set_={"restored_at": now}))
    leased = update(LaneRow).where(LaneRow.connection_id.in_(connection_ids))
    session.execute(leased.values(lease_id=None, lease_expires_at=None))  # a lease in a backup has no worker
    concerned = and_(SyncJobRow.connection_id.in_(connection_ids), concerns(JobEvent.RESTORED))
    marked = session.scalars(locked(select(SyncJobRow.id).where(concerned))).all()
    session.execute(update_by(JobEvent.RESTORED, now=now, lease_id=None).where(SyncJobRow.id.in_(marked)))
    return len(marked)


def _lanes(connection_ids: Collection[int]) -> Sequence[Mapping[str, Any]]:
    return [
        {"connection_id": connection_id, "entity_type": entity_type}
        for connection_id in connection_ids
        for entity_type in EntityType
    ]


def _rewind_cursors(session: Session, lanes: Sequence[Mapping[str, Any]], *, since: datetime, start: bool) -> None:
    """Set cursors back to ``since``; with ``start``, also for lanes that were never polled."""
    which = tuple_(CursorRow.connection_id, CursorRow.entity_type).in_([tuple(lane.values()) for lane in lanes])
    position = func.least(CursorRow.position, since)
    session.execute(update(CursorRow).where(which).values(position=position))
    if start and lanes:
        rows = insert(CursorRow).values([{**lane, "position": since} for lane in lanes])
        session.execute(rows.on_conflict_do_nothing(index_elements=("connection_id", "entity_type")))


def _withdraw_access(session: Session, *, actor: str, now: datetime) -> None:
    """End all sessions, revoke all API tokens and disable all receivers.

    The backup has those that were ended, revoked or removed since.
    """
    session.execute(delete(SessionRow))
    tokens.revoke_all(session, actor=actor, now=now)
    receivers.disable_all(session, DisabledBecause.RESTORED, actor=actor, now=now)


def _skip_ids(session: Session) -> None:
    """Skip ids of all tables, so that none given since the backup is given again."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.identity is not None:
                gap = SEQUENCE_GAP if isinstance(column.type, BigInteger) else SHORT_GAP
                numbers = func.pg_get_serial_sequence(table.name, column.name)
                session.execute(select(func.setval(numbers, func.nextval(numbers) + gap)))
