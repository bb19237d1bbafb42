"""The tables of event receivers, their events and deliveries."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, BigId, ConnectionId

ReceiverId = Annotated[int, mapped_column(ForeignKey("event_receivers.id", ondelete="CASCADE"))]
EventId = Annotated[UUID, mapped_column(ForeignKey("events.id", ondelete="CASCADE"))]


class EventReceiverRow(Base):
    """A program that gets events: of all connections if ``everywhere`` is set, otherwise of those listed.

    ``secret`` signs, and so does ``former_secret`` until ``former_secret_until``; both are encrypted. ``failures``
    counts failed deliveries in a row, ``failing_since`` is the first of them, and nothing is sent before
    ``retry_at``. ``disabled_because`` is one of :class:`models.receivers.outbox.DisabledBecause`.
    """

    __tablename__ = "event_receivers"

    id: Mapped[BigId]
    url: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    everywhere: Mapped[bool]
    secret: Mapped[str]
    former_secret: Mapped[str | None]
    former_secret_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None]
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    lease_id: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]


class ReceiverConnectionRow(Base):
    __tablename__ = "event_receiver_connections"

    receiver_id: Mapped[ReceiverId] = mapped_column(primary_key=True)
    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True, index=True)


class EventRow(Base):
    """An event; ``data`` has ids and codes only. The rest is looked up when it is sent."""

    __tablename__ = "events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    connection_id: Mapped[ConnectionId | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    data: Mapped[dict[str, Any]]


class EventDeliveryRow(Base):
    """The delivery of an event to a receiver; ``due_at`` is None once it has ended.

    ``http_status`` and ``answer`` (its first KiB) are those of the last attempt. ``problem`` is why there was
    no response: one of :class:`models.receivers.outbox.DeliveryProblem`.
    """

    __tablename__ = "event_deliveries"
    __table_args__ = (
        Index("event_deliveries_due", "receiver_id", "due_at", postgresql_where=text("due_at is not null")),
        Index("event_deliveries_of_receiver", "receiver_id", "id"),
    )

    id: Mapped[BigId]
    event_id: Mapped[EventId] = mapped_column(index=True)
    receiver_id: Mapped[ReceiverId]
    state: Mapped[str]
    due_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    attempted_at: Mapped[datetime | None]
    http_status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(server_default="")
    problem: Mapped[str] = mapped_column(server_default="")
