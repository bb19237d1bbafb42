"""Relinking: a person ends the link of a customer or project, and may choose another 24SevenOffice customer."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.admin import job_actions
from models.admin.job_actions import ActionResult, JobAction
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.inbox import circuit_breaker, links
from models.inbox.links import LinkTakenError
from models.inbox.transitions import Event
from models.schema.audit_entries import add_entry
from models.schema.locks import locked
from models.schema.statements import job_of, of_lane
from models.schema.tables import LinkRow, MatchQuestionRow, SyncJobRow

TYPES = frozenset({EntityType.CUSTOMER, EntityType.PROJECT})
"""Entity types that can be linked again; the link of an invoice or expense prevents a duplicate."""


def relink(database: Database, job_id: int, number: str, *, actor: str, now: datetime) -> ActionResult:
    """End the link of a record and make its job due, to be linked to customer ``number`` or, without one, matched.

    Nothing happens if its job is running, or if it is neither a customer nor a project. A project has the same
    number in both systems, so no number is accepted for it.

    Raises:
        LinkTakenError: another record of Moment is linked to that customer; the message is its name.
    """
    free = SyncJobRow.id == job_id, SyncJobRow.state != JobState.RUNNING, SyncJobRow.entity_type.in_(TYPES)
    with database.transaction() as session:
        job = session.scalar(locked(select(SyncJobRow).where(*free)))
        if job is None or (number and job.entity_type != EntityType.CUSTOMER):
            return ActionResult(0)
        record = Record(EntityType(job.entity_type), job.record_id)
        if number:
            _refuse_taken(session, job, record, number)
        links.release(session, job.connection_id, record, because=_why(number), actor=actor, now=now)
        session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job_id))
        if number:
            said = {"job_id": job_id, "asked_at": now, "candidates": [], "answer": number}
            session.execute(insert(MatchQuestionRow).values(said))
            name = job.title or record.name
            deed = msg("Relinked {record} to number {number} in 24SevenOffice", record=name, number=number)
            of_job = {"connection_id": job.connection_id, "job_id": job_id}
            add_entry(session, **of_job, at=now, actor=actor, action=deed)
        again = JobAction(now, actor, msg("Retry"))
        retried = job_actions.apply_event(session, free, Event.RETRIED, again, {"dismissal_reason": ""})
    circuit_breaker.end_open_period(database, {job.connection_id}, now=now)
    return retried


def _refuse_taken(session: Session, job: SyncJobRow, record: Record, number: str) -> None:
    taken = of_lane(LinkRow, Lane(job.connection_id, record.entity_type)), LinkRow.remote_id == number
    holder = session.scalar(select(LinkRow.moment_id).where(*taken, LinkRow.moment_id != record.id))
    if holder is None:
        return
    other = Record(record.entity_type, holder)
    title = session.scalar(select(SyncJobRow.title).where(job_of(job.connection_id, other)))
    raise LinkTakenError(job_actions.name_in(title or "") or other.name)


def _why(number: str) -> Message:
    if not number:
        return msg("The record is being matched again.")
    return msg("It is being linked to {record}.", record=titled(EntityType.CUSTOMER, number))
