"""Match questions and their answers: which 24SevenOffice record matches this Moment record?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.admin.job_actions import ActionResult, JobAction, apply_event, audit_entry
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.inbox import links
from models.inbox.job_updates import concerns, update_by
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.statements import job_of, link_of, upsert
from models.schema.tables import LinkRow, MatchQuestionRow, SyncJobRow

NEW = "new"
"""The answer "none of the candidates"."""

ERROR_CODE_BY_TYPE = {EntityType.CUSTOMER: "which_customer", EntityType.PROJECT: "project_taken"}
ERROR_CODES = frozenset(ERROR_CODE_BY_TYPE.values())
"""The error codes of jobs that wait for an answer."""

UNDONE = msg("The match was undone.")
CHOOSE_AGAIN = msg("Open the record and choose the matching record again.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate in 24SevenOffice, or the Moment record that is asked about.

    ``email`` may hold several, ``address`` is one line. ``customer_number`` is set for a project. ``note`` says
    what speaks against the candidate (supplier, inactive, closed, or taken by another Moment record), or what a
    flow must remember until a person has acted.
    """

    number: str
    name: str
    organization_number: str = ""
    email: str = ""
    customer_number: str = ""
    note: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class MatchQuestion:
    """A question about a record. ``moment_record`` is None if an earlier release asked it."""

    candidates: Sequence[Candidate] = ()
    moment_record: Candidate | None = None

    def candidate(self, number: str) -> Candidate | None:
        return next((each for each in self.candidates if each.number == number), None)

    def choices(self, entity_type: EntityType) -> set[str]:
        return _choices(entity_type, {each.number for each in self.candidates})


def ask(
    session: Session,
    job_id: int,
    candidates: Sequence[Candidate],
    *,
    moment_record: Candidate | None = None,
    now: datetime,
) -> None:
    """Ask which candidate matches a job's record; an earlier answer becomes void."""
    asked = {
        "asked_at": now,
        "candidates": [_as_json(each) for each in candidates],
        "addresses": {each.number: each.address for each in candidates if each.address},
        "moment_record": asdict(moment_record) if moment_record else None,
        "answer": None,
    }
    session.execute(upsert(MatchQuestionRow, {"job_id": job_id}, asked))


def open_question(database: Database, job_id: int) -> MatchQuestion | None:
    """Return the open question about a job's record; None if there is none."""
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
    """Return the candidates of a job's open question; none if there is no open question."""
    found = open_question(database, job_id)
    return found.candidates if found else ()


def unanswered(database: Database, job_id: int) -> Sequence[Candidate]:
    """Return the candidates of a job whose question has had no answer."""
    query = select(MatchQuestionRow.candidates).where(MatchQuestionRow.job_id == job_id)
    found = database.scalar(query.where(MatchQuestionRow.answer.is_(None)))
    return [Candidate(**each) for each in found or ()]


def answers(database: Database, job_ids: Collection[int]) -> Mapping[int, str]:
    query = select(MatchQuestionRow.job_id, MatchQuestionRow.answer).where(MatchQuestionRow.job_id.in_(job_ids))
    return {job_id: answer for job_id, answer in database.rows(query) if answer}


def undone(database: Database, job_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Return the 24SevenOffice numbers whose matches people have undone, by job."""
    query = select(MatchQuestionRow.job_id, MatchQuestionRow.undone).where(MatchQuestionRow.job_id.in_(job_ids))
    return {job_id: frozenset(map(int, numbers)) for job_id, numbers in database.rows(query) if numbers}


def answer(database: Database, job_id: int, choice: str, *, actor: str, now: datetime) -> ActionResult:
    """Answer the open question of a job with the number of a candidate or :data:`NEW`, and make the job due.

    Nothing happens if no such question is open or the choice is not offered. A project whose number is taken
    cannot be answered with :data:`NEW`.
    """
    row = select(SyncJobRow).where(SyncJobRow.id == job_id, SyncJobRow.state == JobState.NEEDS_ATTENTION)
    with database.transaction() as session:
        job = session.scalar(locked(row.where(SyncJobRow.error_code.in_(ERROR_CODES))))
        question = job and session.get(MatchQuestionRow, job_id)
        if (
            not job
            or not question
            or choice
            not in _choices(EntityType(job.entity_type), {each["number"] for each in question.candidates})
        ):
            return ActionResult(0)
        question.answer = choice
        question.undone = [each for each in question.undone if each != choice]
        session.execute(update_by(Event.ANSWERED, now=now).where(SyncJobRow.id == job_id))
        entity_type = EntityType(job.entity_type)
        deed = JobAction(at=now, actor=actor, action=answer_text(entity_type, choice))
        add_entry(session, **audit_entry(job, deed))
        return ActionResult(1, frozenset({Lane(job.connection_id, entity_type)}))


def choice_of(database: Database, job_id: int) -> str:
    """Return a choice that may be undone: the number of a candidate or :data:`NEW`; "" if there is none."""
    with database.transaction() as session:
        found = _undoable(session, select(SyncJobRow), job_id)
        return found[1].answer or "" if found else ""


def undo(database: Database, job_id: int, *, actor: str, now: datetime) -> ActionResult:
    """Undo a person's choice and ask again: the resulting link ends.

    What was saved or posted in 24SevenOffice stays. Nothing happens if the job is running or there is no choice
    to undo.
    """
    with database.transaction() as session:
        found = _undoable(session, locked(select(SyncJobRow)), job_id)
        if found is None:
            return ActionResult(0)
        job, question, number = found
        entity_type, choice = EntityType(job.entity_type), question.answer or ""
        record = Record(entity_type, job.record_id)
        links.release(session, job.connection_id, record, because=UNDONE, actor=actor, now=now)
        question.answer = None
        question.undone = sorted({*question.undone, *filter(str.isdecimal, (number, choice))})
        job.error_code, job.message, job.remedy = ERROR_CODE_BY_TYPE[entity_type], UNDONE, CHOOSE_AGAIN
        job.needs_attention_since = now
        session.flush()
        deed = JobAction(now, actor, msg("Undid: {choice}", choice=answer_text(entity_type, choice)))
        return apply_event(session, [SyncJobRow.id == job_id], Event.ASKED_AGAIN, deed, {})


def _undoable(
    session: Session, jobs: Select[SyncJobRow], job_id: int
) -> tuple[SyncJobRow, MatchQuestionRow, str] | None:
    """Return a job with a person's choice of match, with the number of its link, if any."""
    job = session.scalar(jobs.where(SyncJobRow.id == job_id, concerns(Event.ASKED_AGAIN)))
    question = session.get(MatchQuestionRow, job_id) if job else None
    if job is None or question is None or not question.answer or not question.candidates:
        return None
    record = Record(EntityType(job.entity_type), job.record_id)
    linked = session.scalar(select(LinkRow.remote_id).where(link_of(job.connection_id, record)))
    return (job, question, linked or "") if linked in (None, question.answer) or question.answer == NEW else None


def withdraw(session: Session, connection_id: int, record: Record) -> None:
    """Delete the question and the answer about a record."""
    job = select(SyncJobRow.id).where(job_of(connection_id, record)).scalar_subquery()
    session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job))


def answer_text(entity_type: EntityType, choice: str) -> Message:
    if choice == NEW:
        return msg("None of these – create new")
    return msg("Matched with {record} in 24SevenOffice", record=titled(entity_type, choice))


def _as_json(candidate: Candidate) -> dict[str, str]:
    """Return JSON that the previous release can read, which does not know ``address``."""
    return {name: value for name, value in asdict(candidate).items() if name != "address"}


def _choices(entity_type: EntityType, numbers: set[str]) -> set[str]:
    return numbers | {NEW} if entity_type is EntityType.CUSTOMER else numbers
