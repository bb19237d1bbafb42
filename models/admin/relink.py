"""A person ends the link of a customer or project, and may say which customer of 24SevenOffice it is instead."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from i18n.messages import Message, msg
from models.admin import job_actions
from models.admin.job_actions import ActionResult
from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import EntityType, JobState, Record, titled
from models.inbox import links
from models.inbox.links import LinkTakenError
from models.schema.locks import locked
from models.schema.tables import AuditRow, MatchQuestionRow, SyncJobRow

TYPES = frozenset({EntityType.CUSTOMER, EntityType.PROJECT})
"""What can be linked anew; the link of an invoice or an expense keeps it from being brought twice."""


def relink(database: Database, job_id: int, number: str, *, actor: str, now: datetime) -> ActionResult:
    """End the link of a record and have it looked at: as the customer ``number``, or identified anew without one.

    Nothing is done where a worker has it in hand, or it is neither a customer nor a project. A project has the
    number that it has in Moment, so that none is taken for it.

    Raises:
        LinkTakenError: another record of Moment is linked to that customer; its name is the message.
    """
    with database.transaction() as session:
        free = SyncJobRow.id == job_id, SyncJobRow.state != JobState.RUNNING, SyncJobRow.entity_type.in_(TYPES)
        row = session.scalar(locked(select(SyncJobRow).where(*free)))
        if row is None or (number and row.entity_type != EntityType.CUSTOMER):
            return ActionResult(0)
        connection_id, record = row.connection_id, Record(EntityType(row.entity_type), row.record_id)
        name = row.title or record.name
    holder = links.moment_id(database, connection_id, record.entity_type, number) if number else None
    if holder not in (None, record.id):
        other = Record(record.entity_type, holder or "")
        raise LinkTakenError(job_actions.record_name(database, connection_id, other) or other.name)
    links.release(database, connection_id, record, because=_why(number), actor=actor, now=now)
    with database.transaction() as session:
        session.execute(delete(MatchQuestionRow).where(MatchQuestionRow.job_id == job_id))
        if number:
            said = {"job_id": job_id, "asked_at": now, "candidates": [], "answer": number}
            session.execute(insert(MatchQuestionRow).values(said))
            deed = msg("{record} is to be number {number} in 24SevenOffice", record=name, number=number)
            told = {"connection_id": connection_id, "job_id": job_id, "at": now, "actor": actor}
            session.execute(insert(AuditRow).values(**told, action=deed))
    return job_actions.retry(database, JobFilter(ids=frozenset({job_id})), actor=actor, now=now)


def _why(number: str) -> Message:
    if not number:
        return msg("It is identified anew.")
    return msg("It is to be {record}.", record=titled(EntityType.CUSTOMER, number))
