"""When Moment last told of each kind of record, which shows that the webhook's address has been entered there."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import select

from models.database import Database
from models.enums import EntityType, Lane
from models.schema.statements import upsert
from models.schema.tables import WebhookActivityRow

RESOLUTION = timedelta(minutes=1)
"""An instant that is newer by less is not written down, for notifications come in storms."""


def record(database: Database, lane: Lane, *, now: datetime) -> None:
    older = WebhookActivityRow.at < now - RESOLUTION
    database.execute(upsert(WebhookActivityRow, asdict(lane), {"at": now}, where=older))


def latest(database: Database, connection_id: int) -> Mapping[EntityType, datetime]:
    """Return when the last one of each kind came (UTC, to the minute) to the webhook's present address."""
    query = select(WebhookActivityRow.entity_type, WebhookActivityRow.at).where(
        WebhookActivityRow.connection_id == connection_id
    )
    return {EntityType(kind): at for kind, at in database.rows(query)}
