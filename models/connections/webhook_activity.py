"""When Moment last told of each kind of record, which shows that the webhook's address has been entered there."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Database
from models.enums import EntityType, Lane
from models.schema.tables import WebhookActivityRow

RESOLUTION = timedelta(minutes=1)
"""An instant that is newer by less is not written down, for notifications come in storms."""


def record(database: Database, lane: Lane, *, now: datetime) -> None:
    """Note that a notification of a lane's kind has come."""
    fresh = insert(WebhookActivityRow).values(
        connection_id=lane.connection_id, entity_type=lane.entity_type, at=now
    )
    with database.statement() as connection:
        connection.execute(
            fresh.on_conflict_do_update(
                index_elements=["connection_id", "entity_type"],
                set_={"at": now},
                where=WebhookActivityRow.at < now - RESOLUTION,
            )
        )


def latest(database: Database, connection_id: int) -> Mapping[EntityType, datetime]:
    """Tell when the last one of each kind came (UTC, to the minute) to the webhook's present address."""
    query = select(WebhookActivityRow.entity_type, WebhookActivityRow.at).where(
        WebhookActivityRow.connection_id == connection_id
    )
    with database.transaction() as session:
        return {EntityType(kind): at for kind, at in session.execute(query)}


def clear(session: Session, connection_id: int) -> None:
    """Forget them, in the transaction that gives the webhook a new address."""
    session.execute(delete(WebhookActivityRow).where(WebhookActivityRow.connection_id == connection_id))
