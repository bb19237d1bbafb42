"""Receivers and the events written for them, so that a test checks them in one line."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from models.database import Database
from models.enums import Scope
from models.receivers.outbox import EVENT_TYPES, EventType
from models.receivers.repository import Receiver, Receivers
from models.schema.receiver_tables import EventDeliveryRow, EventRow
from tests.factories import NOW

URL = "https://program.example/events"


def add_receiver(
    receivers: Receivers,
    *,
    url: str = URL,
    types: Collection[EventType] = EVENT_TYPES,
    connections: Collection[int] | None = None,
) -> Receiver:
    scope = Scope(None if connections is None else frozenset(connections))
    receiver, _ = receivers.add(url, types, scope, actor="test", now=NOW)
    return receiver


def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Return the type and data of the written events, sorted."""
    with database.transaction() as session:
        rows = session.execute(select(EventRow.type, EventRow.data)).all()
    return sorted(((each.type, each.data) for each in rows), key=str)


def event_types(database: Database) -> list[str]:
    return [type_ for type_, _ in events(database)]


def events_of(database: Database, receiver: Receiver) -> list[str]:
    """Return the events that a receiver gets or has got."""
    of_receiver = EventDeliveryRow.receiver_id == receiver.id
    query = select(EventRow.type).join(EventDeliveryRow, EventDeliveryRow.event_id == EventRow.id)
    return sorted(database.scalars(query.where(of_receiver)))
