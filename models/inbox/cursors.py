"""Cursors: how far a kind of a connection has been polled, and what decides how soon it is polled again."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from models.database import Database
from models.enums import EntityType, Lane
from models.schema.statements import of_lane, upsert
from models.schema.tables import ConnectionRow, CursorRow, NightlyPollRow, SyncJobRow

CursorTable = type[CursorRow | NightlyPollRow]


def position(database: Database, lane: Lane) -> datetime | None:
    """Tell up to which instant (UTC) changes have been received; None before the first poll."""
    return database.scalar(select(CursorRow.position).where(of_lane(CursorRow, lane)))


def start(database: Database, lane: Lane, *, at: datetime, table: CursorTable = CursorRow) -> datetime:
    """Tell the same; before the first poll it is ``at``, and stays so until a poll has been through."""
    database.execute(insert(table).values(**asdict(lane), position=at).on_conflict_do_nothing())
    return database.scalar(select(table.position).where(of_lane(table, lane))) or at


def positions(database: Database, entity_type: EntityType) -> Mapping[int, datetime]:
    """Tell the same of all connections, by their number, where they have been polled for a kind."""
    query = select(CursorRow.connection_id, CursorRow.position).where(CursorRow.entity_type == entity_type)
    return dict(database.rows(query))


def move(database: Database, lane: Lane, *, to: datetime, table: CursorTable = CursorRow) -> None:
    """Move the cursor, once everything up to ``to`` (UTC) is in the inbox."""
    database.execute(upsert(table, asdict(lane), {"position": to}))


def last_received(database: Database) -> Mapping[int, datetime]:
    """Tell when (UTC) a change of each connection was last received, by its number, where any was.

    It takes one look into an index for each lane, however many changes there are, and locks nothing.
    """
    last = func.greatest(*map(_last_of, EntityType))  # of PostgreSQL: NULLs count for nothing
    rows = database.rows(select(ConnectionRow.id, last))
    return {connection_id: at for connection_id, at in rows if at}


def _last_of(entity_type: EntityType) -> ScalarSelect[datetime]:
    of_lane = and_(SyncJobRow.connection_id == ConnectionRow.id, SyncJobRow.entity_type == entity_type)
    return select(func.max(SyncJobRow.received_at)).where(of_lane).scalar_subquery()
