"""When Moment last told of each kind of record, which shows that the webhook's address has been entered there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from models.tables import NotificationRow
from models.words import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from models.base import Database
    from models.words import Lane

FINENESS = timedelta(minutes=1)
"""An instant that is newer by less is not written down, for notifications come in storms."""


def note(database: Database, lane: Lane, *, now: datetime) -> None:
    """Note that a notification of a lane's kind has come."""
    fresh = insert(NotificationRow).values(connection_id=lane.connection_id, kind=lane.kind, at=now)
    with database.statement() as connection:
        connection.execute(
            fresh.on_conflict_do_update(
                index_elements=["connection_id", "kind"],
                set_={"at": now},
                where=NotificationRow.at < now - FINENESS,
            )
        )


def latest(database: Database, connection_id: int) -> Mapping[Kind, datetime]:
    """Tell when the last one of each kind came (UTC, to the minute) to the webhook's present address."""
    query = select(NotificationRow.kind, NotificationRow.at).where(NotificationRow.connection_id == connection_id)
    with database.transaction() as session:
        return {Kind(kind): at for kind, at in session.execute(query)}


def forget(session: Session, connection_id: int) -> None:
    """Forget them, in the transaction that gives the webhook a new address."""
    session.execute(delete(NotificationRow).where(NotificationRow.connection_id == connection_id))
