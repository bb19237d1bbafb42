"""The end of links: a person relinks a customer or project, or sets all links of a connection aside."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.admin import job_actions, job_details
from models.admin.job_actions import ActionResult
from models.admin.job_details import JobAction
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.inbox import circuit_breaker, leases, links, questions, restore, vat_checks
from models.inbox.links import LinkTakenError
from models.inbox.transitions import JobEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import FOR_NO_KEY_UPDATE, locked
from models.schema.statements import job_of, of_lane
from models.schema.tables import ConnectionRow, LinkRow, MatchQuestionRow, SyncJobRow

RELINKABLE_TYPES = frozenset({EntityType.CUSTOMER, EntityType.PROJECT})
"""Entity types that can be linked again; the link of an invoice or expense prevents a duplicate."""


def relink(database: Database, job_id: int, number: str, *, actor: str, now: datetime) -> ActionResult:
    """Delete the link of a record and make its job due: to link customer ``number``, or to match it again.

    Nothing happens if the job is running, or if the record is neither a customer nor a project. A project has the
    same number in both systems, so no number is accepted for it. Raises LinkTakenError with the name of the other
    Moment record that is linked to that customer.
    """
    free = (
        SyncJobRow.id == job_id,
        SyncJobRow.state != JobState.RUNNING,
        SyncJobRow.entity_type.in_(RELINKABLE_TYPES),
    )
    with database.transaction() as session:
        job = session.scalar(locked(select(SyncJobRow).where(*free)))
        if job is None or (number and job.entity_type != EntityType.CUSTOMER):
            return ActionResult(0)
        record = Record(EntityType(job.entity_type), job.record_id)
        if number:
            _refuse_taken(session, job, record, number)
        because = msg("The record is being matched again.")
        if number:
            linked = titled(EntityType.CUSTOMER, number)
            because = msg("It is being linked to {record}.", record=linked)
        links.remove_with_reason(session, job.connection_id, record, because=because, actor=actor, now=now)
        session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job_id))
        if number:
            answered = {"job_id": job_id, "asked_at": now, "candidates": [], "answer": number}
            session.execute(insert(MatchQuestionRow).values(answered))
            name = job.title or record.name
            action = msg("Relinked {record} to number {number} in 24SevenOffice", record=name, number=number)
            of_job = {"connection_id": job.connection_id, "job_id": job_id}
            add_entry(session, **of_job, at=now, actor=actor, action=action)
        retry = JobAction(now, actor, msg("Retry"))
        retried = job_actions.apply_event(session, free, JobEvent.RETRIED, retry, {"dismissal_reason": ""})
    circuit_breaker.end_open_period(database, {job.connection_id}, now=now)
    return retried


def unlink(database: Database, connection_id: int, *, actor: str, now: datetime) -> int:
    """Set the links of a paused connection aside, and return their number: it is to use another company or client.

    Later outcomes are verified before anything is sent, as after a restore, and people's answers about matches are
    deleted. The next login shows which 24SevenOffice client the connection uses.
    Raises JobsRunningError; nothing was changed then.
    """
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        leases.expect_idle(session, connection_id, now=now)
        count = links.set_aside(session, connection_id, now=now)
        restore.mark_outcomes_unknown(session, [connection_id], now=now)
        questions.withdraw_all(session, connection_id, now=now)
        vat_checks.delete_all(session, connection_id)
        row.client_number = None
        what = msg("Set {count} links aside", count=count)
        add_entry(session, connection_id=connection_id, at=now, actor=actor, action=what)
    return count


def _refuse_taken(session: Session, job: SyncJobRow, record: Record, number: str) -> None:
    taken = of_lane(LinkRow, Lane(job.connection_id, record.entity_type)), LinkRow.remote_id == number
    holder = session.scalar(select(LinkRow.moment_id).where(*taken, LinkRow.moment_id != record.id))
    if holder is None:
        return
    other = Record(record.entity_type, holder)
    title = session.scalar(select(SyncJobRow.title).where(job_of(job.connection_id, other)))
    raise LinkTakenError(job_details.name_in(title or "") or other.name)
