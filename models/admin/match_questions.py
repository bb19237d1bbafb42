"""Questions to a person: which record of 24SevenOffice is this one of Moment? And what they answered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.admin.job_actions import ActionResult, JobAction, audit_entry
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.inbox.job_updates import update_by
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.statements import job_of, upsert
from models.schema.tables import MatchQuestionRow, SyncJobRow

NEW = "new"
"""The answer that it is none of the candidates."""

ERROR_CODES = frozenset({"which_customer", "project_taken"})
"""The reasons of changes that wait for an answer."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record of 24SevenOffice that may be meant; ``email`` may be several. A project has a customer's number.

    ``note`` says what speaks against it: supplier, inactive, closed or taken (by another record of Moment); or
    what a flow has to keep in mind until a person has acted.
    """

    number: str
    name: str
    organization_number: str = ""
    email: str = ""
    customer_number: str = ""
    note: str = ""


def ask(session: Session, job_id: int, candidates: Sequence[Candidate], *, now: datetime) -> None:
    """Ask which of the candidates the record of a change is; what was answered before is void."""
    asked = {"asked_at": now, "candidates": [asdict(each) for each in candidates], "answer": None}
    session.execute(upsert(MatchQuestionRow, {"job_id": job_id}, asked))


def candidates_of(database: Database, job_id: int) -> Sequence[Candidate]:
    """Return the candidates of a change whose question is open; none where it waits for no answer."""
    query = select(MatchQuestionRow.candidates).join(SyncJobRow, SyncJobRow.id == MatchQuestionRow.job_id)
    open_ = SyncJobRow.state == JobState.NEEDS_ATTENTION, SyncJobRow.error_code.in_(ERROR_CODES)
    found = database.scalar(query.where(MatchQuestionRow.job_id == job_id, *open_))
    return [Candidate(**each) for each in found or ()]


def unanswered(database: Database, job_id: int) -> Sequence[Candidate]:
    """Return the candidates of a change of which nobody has said anything since they were asked about."""
    query = select(MatchQuestionRow.candidates).where(MatchQuestionRow.job_id == job_id)
    found = database.scalar(query.where(MatchQuestionRow.answer.is_(None)))
    return [Candidate(**each) for each in found or ()]


def answers(database: Database, job_ids: Collection[int]) -> Mapping[int, str]:
    query = select(MatchQuestionRow.job_id, MatchQuestionRow.answer).where(MatchQuestionRow.job_id.in_(job_ids))
    return {job_id: answer for job_id, answer in database.rows(query) if answer}


def answer(database: Database, job_id: int, choice: str, *, actor: str, now: datetime) -> ActionResult:
    """Answer the open question of a change with the number of a candidate or :data:`NEW`, and make it due.

    Nothing is done where no such question is open, or the choice is not offered: a project's number, which is
    taken, cannot be a new one's too.
    """
    row = select(SyncJobRow).where(SyncJobRow.id == job_id, SyncJobRow.state == JobState.NEEDS_ATTENTION)
    with database.transaction() as session:
        job = session.scalar(locked(row.where(SyncJobRow.error_code.in_(ERROR_CODES))))
        question = job and session.get(MatchQuestionRow, job_id)
        if not job or not question or choice not in _choices(EntityType(job.entity_type), question):
            return ActionResult(0)
        question.answer = choice
        session.execute(update_by(Event.ANSWERED, now=now).where(SyncJobRow.id == job_id))
        entity_type = EntityType(job.entity_type)
        deed = JobAction(at=now, actor=actor, action=answer_text(entity_type, choice))
        add_entry(session, **audit_entry(job, deed))
        return ActionResult(1, frozenset({Lane(job.connection_id, entity_type)}))


def withdraw(session: Session, connection_id: int, record: Record) -> None:
    """Delete what was asked and answered about a record."""
    job = select(SyncJobRow.id).where(job_of(connection_id, record)).scalar_subquery()
    session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job))


def answer_text(entity_type: EntityType, choice: str) -> Message:
    if choice == NEW:
        return msg("None of these – create new")
    return msg("Matched with {record} in 24SevenOffice", record=titled(entity_type, choice))


def _choices(entity_type: EntityType, question: MatchQuestionRow) -> set[str]:
    numbers = {each["number"] for each in question.candidates}
    return numbers | {NEW} if entity_type is EntityType.CUSTOMER else numbers
