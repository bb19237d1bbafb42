"""The table of people's notes on records."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, BigId, JobId


class NoteRow(Base):
    """A person's note on a record; it is deleted with the record's job."""

    __tablename__ = "notes"

    id: Mapped[BigId]
    job_id: Mapped[JobId] = mapped_column(index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    text: Mapped[str]
