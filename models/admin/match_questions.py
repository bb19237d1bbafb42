"""A person answers a question, or undoes the answer: which 24SevenOffice record is this Moment record?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.admin.job_actions import ActionResult, apply_event, audit_entry
from models.admin.job_details import JobAction
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.error_codes import PROJECT_TAKEN, WHICH_CUSTOMER
from models.inbox import links
from models.inbox.job_updates import concerns, update_by
from models.inbox.questions import CREATE_NEW, Candidate
from models.inbox.transitions import JobEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.statements import link_of
from models.schema.tables import LinkRow, MatchQuestionRow, SyncJobRow

ERROR_CODE_BY_TYPE = {EntityType.CUSTOMER: WHICH_CUSTOMER, EntityType.PROJECT: PROJECT_TAKEN}
ERROR_CODES = frozenset(ERROR_CODE_BY_TYPE.values())

UNDONE = msg("The match was undone.")
CHOOSE_AGAIN = msg("Open the record and choose the matching record again.")


@dataclass(frozen=True, slots=True)
class MatchQuestion:
    """A question about a record. ``moment_record`` is None if an earlier release asked it."""

    candidates: Sequence[Candidate] = ()
    moment_record: Candidate | None = None

    def candidate(self, number: str) -> Candidate | None:
        return next((each for each in self.candidates if each.number == number), None)

    def choices(self, entity_type: EntityType) -> set[str]:
        return _choices(entity_type, {each.number for each in self.candidates})


def open_question(database: Database, job_id: int) -> MatchQuestion | None:
    """Return the open question about a job's record; None if the job does not wait for an answer."""
    columns = MatchQuestionRow.candidates, MatchQuestionRow.addresses, MatchQuestionRow.moment_record
    query = select(*columns).join(SyncJobRow, SyncJobRow.id == MatchQuestionRow.job_id)
    open_ = SyncJobRow.state == JobState.NEEDS_ATTENTION, SyncJobRow.error_code.in_(ERROR_CODES)
    row = next(iter(database.rows(query.where(MatchQuestionRow.job_id == job_id, *open_))), None)
    if row is None or not row.candidates:
        return None
    addresses = row.addresses or {}
    candidates = [Candidate(**each, address=addresses.get(each["number"], "")) for each in row.candidates]
    return MatchQuestion(candidates, Candidate(**row.moment_record) if row.moment_record else None)


def candidates_of(database: Database, job_id: int) -> Sequence[Candidate]:
    """Return the candidates of a job's open question; none if the job does not wait for an answer."""
    found = open_question(database, job_id)
    return found.candidates if found else ()


def answer(database: Database, job_id: int, choice: str, *, actor: str, now: datetime) -> ActionResult:
    """Answer the open question of a job with the number of a candidate or :data:`CREATE_NEW`, and make it due.

    Nothing happens if the question is not open or the choice is not offered. A project whose number is taken
    cannot be answered with :data:`CREATE_NEW`.
    """
    row = select(SyncJobRow).where(SyncJobRow.id == job_id, SyncJobRow.state == JobState.NEEDS_ATTENTION)
    with database.transaction() as session:
        job = session.scalar(locked(row.where(SyncJobRow.error_code.in_(ERROR_CODES))))
        question = session.get(MatchQuestionRow, job_id) if job else None
        if job is None or question is None:
            return ActionResult(0)
        entity_type, numbers = EntityType(job.entity_type), {each["number"] for each in question.candidates}
        if choice not in _choices(entity_type, numbers):
            return ActionResult(0)
        question.answer = choice
        question.undone = [each for each in question.undone if each != choice]
        session.execute(update_by(JobEvent.ANSWERED, now=now).where(SyncJobRow.id == job_id))
        action = JobAction(at=now, actor=actor, action=answer_text(entity_type, choice))
        add_entry(session, **audit_entry(job, action))
        return ActionResult(1, frozenset({Lane(job.connection_id, entity_type)}))


def undoable_choice(database: Database, job_id: int) -> str:
    """Return the choice that can be undone: a candidate's number or :data:`CREATE_NEW`; "" if there is none."""
    with database.transaction() as session:
        found = _undoable(session, select(SyncJobRow), job_id)
        return found[1].answer or "" if found else ""


def undo(database: Database, job_id: int, *, actor: str, now: datetime) -> ActionResult:
    """Undo a person's choice: delete the link that it led to, and ask again.

    Records and vouchers in 24SevenOffice stay. Nothing happens if the job is running, or if there is no choice or
    it is outdated.
    """
    with database.transaction() as session:
        found = _undoable(session, locked(select(SyncJobRow)), job_id)
        if found is None:
            return ActionResult(0)
        job, question, number = found
        entity_type, choice = EntityType(job.entity_type), question.answer or ""
        record = Record(entity_type, job.record_id)
        links.remove_with_reason(session, job.connection_id, record, because=UNDONE, actor=actor, now=now)
        question.answer = None
        question.undone = sorted({*question.undone, *filter(str.isdecimal, (number, choice))})
        job.error_code, job.message, job.remedy = ERROR_CODE_BY_TYPE[entity_type], UNDONE, CHOOSE_AGAIN
        job.needs_attention_since = now
        session.flush()
        action = JobAction(now, actor, msg("Undid: {choice}", choice=answer_text(entity_type, choice)))
        return apply_event(session, [SyncJobRow.id == job_id], JobEvent.ASKED_AGAIN, action, {})


def answer_text(entity_type: EntityType, choice: str) -> Message:
    if choice == CREATE_NEW:
        return msg("None of these – create new")
    return msg("Matched with {record} in 24SevenOffice", record=titled(entity_type, choice))


def _undoable(
    session: Session, jobs: Select[SyncJobRow], job_id: int
) -> tuple[SyncJobRow, MatchQuestionRow, str] | None:
    """Return a job with a person's choice, the question, and the number of the job's link, "" without a link."""
    job = session.scalar(jobs.where(SyncJobRow.id == job_id, concerns(JobEvent.ASKED_AGAIN)))
    question = session.get(MatchQuestionRow, job_id) if job else None
    if job is None or question is None or not question.answer or not question.candidates:
        return None
    record = Record(EntityType(job.entity_type), job.record_id)
    linked = session.scalar(select(LinkRow.remote_id).where(link_of(job.connection_id, record)))
    is_current = linked in (None, question.answer) or question.answer == CREATE_NEW
    return (job, question, linked or "") if is_current else None


def _choices(entity_type: EntityType, numbers: set[str]) -> set[str]:
    return numbers | {CREATE_NEW} if entity_type is EntityType.CUSTOMER else numbers
