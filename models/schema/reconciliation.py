"""The table of the differences in the books that somebody has accepted as known."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base


class AcceptanceRow(Base):
    """This difference is known: ``key`` tells what it is about, ``fingerprint`` what is wrong with it."""

    __tablename__ = "accepted_discrepancies"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    actor: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]
