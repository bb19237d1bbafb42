"""What is due now, and in which lanes nobody does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from models import breaker
from models.tables import ChangeRow, ConnectionRow, LaneRow
from models.words import Kind, Lane, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from models.base import Database


def lanes(database: Database, *, now: datetime) -> Sequence[Lane]:
    """Tell the lanes with something to do: due changes and no worker, or a worker that has vanished."""
    idle = or_(LaneRow.claim.is_(None), LaneRow.claimed_until <= now)
    with database.transaction() as session:
        rows = session.execute(
            select(ChangeRow.connection_id, ChangeRow.kind)
            .join(ConnectionRow, and_(ConnectionRow.id == ChangeRow.connection_id, breaker.works(now)))
            .outerjoin(
                LaneRow, and_(LaneRow.connection_id == ChangeRow.connection_id, LaneRow.kind == ChangeRow.kind)
            )
            .where(or_(LaneRow.kind.is_(None), idle))
            .where(
                or_(
                    and_(ChangeRow.state == State.WAITING, ChangeRow.due_at <= now),
                    ChangeRow.state == State.WORKING,
                )
            )
            .group_by(ChangeRow.connection_id, ChangeRow.kind)
            .order_by(func.min(ChangeRow.due_at))
        )
        return [Lane(connection_id, Kind(kind)) for connection_id, kind in rows]


def count(database: Database, lane: Lane, *, now: datetime) -> int:
    """Count what is due in a lane or in a worker's hands."""
    due_now = and_(ChangeRow.state == State.WAITING, ChangeRow.due_at <= now)
    query = select(func.count()).where(
        ChangeRow.connection_id == lane.connection_id,
        ChangeRow.kind == lane.kind,
        or_(due_now, ChangeRow.state == State.WORKING),
    )
    with database.statement() as connection:
        return connection.scalar(query) or 0


def in_lane(database: Database, lane: Lane, *, now: datetime) -> bool:
    """Tell whether a lane has something to do now; to be asked once it is given back, so nothing is missed."""
    query = select(ChangeRow.id).where(
        ChangeRow.connection_id == lane.connection_id,
        ChangeRow.kind == lane.kind,
        ChangeRow.state == State.WAITING,
        ChangeRow.due_at <= now,
    )
    with database.statement() as connection:
        return connection.scalar(query.limit(1)) is not None
