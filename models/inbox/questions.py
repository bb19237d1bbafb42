"""Questions about a connection's records, and the answers. They name ids of the client at the time."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from models.enums import JobState
from models.inbox.job_updates import update_by
from models.inbox.transitions import Event
from models.schema.locks import locked
from models.schema.tables import MatchQuestionRow, SyncJobRow

SAVED_ELSEWHERE = "saved_elsewhere"
"""The note of a number under which 24SevenOffice saved a project: it is not saved again before a retry."""


def noted_as_saved_elsewhere() -> ColumnElement[bool]:
    return MatchQuestionRow.candidates.contains([{"note": SAVED_ELSEWHERE}])


def void_all(session: Session, connection_id: int, *, now: datetime) -> None:
    """Delete a connection's questions and answers, and match the records that wait for an answer again.

    A project that was saved under another number keeps waiting for a person, since no number is accepted for it.
    """
    void = and_(SyncJobRow.connection_id == connection_id, ~noted_as_saved_elsewhere())
    of = select(SyncJobRow.id).join(MatchQuestionRow, MatchQuestionRow.job_id == SyncJobRow.id).where(void)
    waiting = SyncJobRow.state == JobState.NEEDS_ATTENTION, MatchQuestionRow.answer.is_(None)
    unanswered = session.scalars(locked(of.where(*waiting))).all()
    session.execute(update_by(Event.RETRIED, now=now).where(SyncJobRow.id.in_(unanswered)))
    session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id.in_(of)))
