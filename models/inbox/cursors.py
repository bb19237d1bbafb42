"""Cursors: how far a kind of a connection has been polled, and what decides how soon it is polled again."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from models.database import Database
from models.enums import EntityType, Lane
from models.schema.tables import ConnectionRow, CursorRow, SyncJobRow


def position(database: Database, lane: Lane) -> datetime | None:
    """Tell up to which instant (UTC) changes have been received; None before the first poll."""
    query = select(CursorRow.position).where(
        CursorRow.connection_id == lane.connection_id, CursorRow.entity_type == lane.entity_type
    )
    with database.transaction() as session:
        return session.scalar(query)


def start(database: Database, lane: Lane, *, at: datetime) -> datetime:
    """Tell the same; before the first poll it is ``at``, and stays so until a poll has been through."""
    row = insert(CursorRow).values(connection_id=lane.connection_id, entity_type=lane.entity_type, position=at)
    with database.transaction() as session:
        session.execute(row.on_conflict_do_nothing())
    return position(database, lane) or at


def positions(database: Database, entity_type: EntityType) -> Mapping[int, datetime]:
    """Tell the same of all connections, by their number, where they have been polled for a kind."""
    query = select(CursorRow.connection_id, CursorRow.position).where(CursorRow.entity_type == entity_type)
    with database.transaction() as session:
        return {row.connection_id: row.position for row in session.execute(query)}


def move(database: Database, lane: Lane, *, to: datetime) -> None:
    """Move the cursor, once everything up to ``to`` (UTC) is in the inbox."""
    key = {"connection_id": lane.connection_id, "entity_type": lane.entity_type}
    row = insert(CursorRow).values(**key, position=to)
    with database.transaction() as session:
        session.execute(row.on_conflict_do_update(index_elements=list(key), set_={"position": to}))


def last_received(database: Database) -> Mapping[int, datetime]:
    """Tell when (UTC) a change of each connection was last received, by its number, where any was.

    It takes one look into an index for each lane, however many changes there are, and locks nothing.
    """
    last = func.greatest(
        *(_last_of(entity_type) for entity_type in EntityType)
    )  # of PostgreSQL: NULLs count for nothing
    with database.transaction() as session:
        rows = session.execute(select(ConnectionRow.id, last))
        return {connection_id: at for connection_id, at in rows if at}


def _last_of(entity_type: EntityType) -> ScalarSelect[datetime]:
    of_lane = and_(SyncJobRow.connection_id == ConnectionRow.id, SyncJobRow.entity_type == entity_type)
    return select(func.max(SyncJobRow.received_at)).where(of_lane).scalar_subquery()
