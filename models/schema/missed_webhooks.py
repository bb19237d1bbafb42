"""The tables of missed webhooks and of how far the nightly polls have come."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base


class MissedWebhookRow(Base):
    """A poll was the first to tell of what was modified then in this record of Moment."""

    __tablename__ = "missed_webhooks"
    __table_args__ = (Index("missed_webhooks_detected", "detected_at"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    modified_at: Mapped[datetime] = mapped_column(primary_key=True)
    detected_at: Mapped[datetime]


class NightlyPollRow(Base):
    """Up to when the nightly polls of a lane have looked."""

    __tablename__ = "nightly_polls"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]
