"""The table of lanes that were restored from a backup."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base


class RestoredLaneRow(Base):
    """This lane was restored at ``restored_at``.

    What it receives is in doubt while its cursor is not past that instant.

    The row stays: what another record needs may have come across in those days without being polled again.
    """

    __tablename__ = "restored_lanes"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    entity_type: Mapped[str] = mapped_column(primary_key=True)
    restored_at: Mapped[datetime]
