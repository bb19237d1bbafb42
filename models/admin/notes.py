"""Notes on records, by people and programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from i18n.messages import msg
from models.admin.job_actions import JOB_COLUMNS, audit_entry
from models.admin.job_details import JobAction
from models.database import Database
from models.invalid_input import InvalidInputError
from models.schema.audit_entries import add_entry
from models.schema.statements import build_from
from models.schema.tables import NoteRow, SyncJobRow

MAX_LENGTH = 1000
MAX_NOTES = 100
"""The most notes on one record."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note and when it was written (UTC)."""

    id: int
    at: datetime
    actor: str
    text: str


def of_job(database: Database, job_id: int) -> Sequence[Note]:
    query = select(*NoteRow.__table__.c).where(NoteRow.job_id == job_id).order_by(NoteRow.id.desc())
    return [build_from(Note, row) for row in database.rows(query)]


def add(database: Database, job_id: int, text: str, *, actor: str, now: datetime) -> bool:
    """Add a note to a record, with an audit entry; return False if there is no such record.

    Raises InvalidInputError for ``text`` if it is empty or too long, or the record has :data:`MAX_NOTES` already.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInputError(text=msg("Write a note first."))
    if len(text) > MAX_LENGTH:
        raise InvalidInputError(text=msg("A note has at most {number} characters.", number=MAX_LENGTH))
    row = select(*JOB_COLUMNS).where(SyncJobRow.id == job_id).with_for_update(key_share=True)
    with database.transaction() as session:
        job = session.execute(row).one_or_none()
        if job is None:
            return False
        written = select(NoteRow.id).where(NoteRow.job_id == job_id).limit(MAX_NOTES)
        if len(session.scalars(written).all()) == MAX_NOTES:
            raise InvalidInputError(
                text=msg("This record already has {number} notes, which is the maximum.", number=MAX_NOTES)
            )
        session.execute(insert(NoteRow).values(job_id=job_id, at=now, actor=actor, text=text))
        add_entry(session, **audit_entry(job, JobAction(now, actor, msg("Added a note"))))
        return True
