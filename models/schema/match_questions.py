"""The table of match questions to a person."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models.schema.tables import Base


class MatchQuestionRow(Base):
    """What a change waits to be told: ``candidates`` are to choose from, ``answer`` is a number or :data:`NEW`."""

    __tablename__ = "match_questions"

    job_id: Mapped[int] = mapped_column(ForeignKey("sync_jobs.id", ondelete="CASCADE"), primary_key=True)
    asked_at: Mapped[datetime]
    candidates: Mapped[list[dict[str, str]]]
    answer: Mapped[str | None]
