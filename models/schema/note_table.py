"""The table of notes, which people write on records."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base, BigId, JobId


class NoteRow(Base):
    """What somebody wrote on a record; it goes with the record's job."""

    __tablename__ = "notes"

    id: Mapped[BigId]
    job_id: Mapped[JobId] = mapped_column(index=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    text: Mapped[str]
