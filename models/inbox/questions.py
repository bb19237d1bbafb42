"""Questions for a person about a connection's records, and their answers.

They name ids of the client that the connection had at the time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from models.database import Database
from models.enums import JobState, Record
from models.inbox.job_updates import update_by
from models.inbox.transitions import JobEvent
from models.schema.locks import locked
from models.schema.statements import job_of, upsert
from models.schema.tables import MatchQuestionRow, SyncJobRow

CREATE_NEW = "new"
"""The answer "none of the candidates": create a new record."""

SAVED_ELSEWHERE = "saved_elsewhere"
"""The note of a number under which 24SevenOffice saved a project: it is not saved again before a retry."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A 24SevenOffice record that may match, or the Moment record that the question is about.

    ``email`` may hold several addresses; ``address`` is one line. ``customer_number`` is set for a project.
    ``note`` is a warning about the candidate (supplier, inactive, closed, or taken by another Moment record),
    or what a flow must know until a person has acted.
    """

    number: str
    name: str
    organization_number: str = ""
    email: str = ""
    customer_number: str = ""
    note: str = ""
    address: str = ""


def ask(
    session: Session,
    job_id: int,
    candidates: Sequence[Candidate],
    *,
    moment_record: Candidate | None = None,
    now: datetime,
) -> None:
    """Ask which of the candidates matches a job's record; an earlier answer is deleted."""
    question = {
        "asked_at": now,
        "candidates": [_as_json(each) for each in candidates],
        "addresses": {each.number: each.address for each in candidates if each.address},
        "moment_record": asdict(moment_record) if moment_record else None,
        "answer": None,
    }
    session.execute(upsert(MatchQuestionRow, {"job_id": job_id}, question))


def open_candidates(database: Database, job_id: int) -> Sequence[Candidate]:
    """Return the candidates of a job's question; none if it has been answered."""
    query = select(MatchQuestionRow.candidates).where(MatchQuestionRow.job_id == job_id)
    candidates = database.scalar(query.where(MatchQuestionRow.answer.is_(None)))
    return [Candidate(**each) for each in candidates or ()]


def answers(database: Database, job_ids: Collection[int]) -> Mapping[int, str]:
    query = select(MatchQuestionRow.job_id, MatchQuestionRow.answer).where(MatchQuestionRow.job_id.in_(job_ids))
    return {job_id: answer for job_id, answer in database.rows(query) if answer}


def undone_numbers(database: Database, job_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Return, by job id, the numbers in 24SevenOffice that were chosen and then undone."""
    query = select(MatchQuestionRow.job_id, MatchQuestionRow.undone).where(MatchQuestionRow.job_id.in_(job_ids))
    return {job_id: frozenset(map(int, numbers)) for job_id, numbers in database.rows(query) if numbers}


def withdraw(session: Session, connection_id: int, record: Record) -> None:
    """Delete the question about a record, and its answer."""
    job = select(SyncJobRow.id).where(job_of(connection_id, record)).scalar_subquery()
    session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job))


def withdraw_all(session: Session, connection_id: int, *, now: datetime) -> None:
    """Delete a connection's questions and answers, and match the records that wait for an answer again.

    A project that was saved under another number keeps waiting for a person, since no number is accepted for it.
    """
    withdrawn = and_(SyncJobRow.connection_id == connection_id, ~is_saved_elsewhere())
    jobs = select(SyncJobRow.id).join(MatchQuestionRow, MatchQuestionRow.job_id == SyncJobRow.id).where(withdrawn)
    waiting = SyncJobRow.state == JobState.NEEDS_ATTENTION, MatchQuestionRow.answer.is_(None)
    retried = session.scalars(locked(jobs.where(*waiting))).all()
    session.execute(update_by(JobEvent.RETRIED, now=now).where(SyncJobRow.id.in_(retried)))
    session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id.in_(jobs)))


def is_saved_elsewhere() -> ColumnElement[bool]:
    """Return the SQL condition that a question is about a project that was saved under another number."""
    return MatchQuestionRow.candidates.contains([{"note": SAVED_ELSEWHERE}])


def _as_json(candidate: Candidate) -> dict[str, str]:
    """Return a candidate without its address, which the previous release cannot read."""
    return {name: value for name, value in asdict(candidate).items() if name != "address"}
