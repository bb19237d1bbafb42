"""Notes on records, for everyone who opens the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from i18n.messages import msg
from models.admin.job_actions import NAMED_BY, JobAction, audit_entry
from models.database import Database
from models.schema.audit_entries import add_entry
from models.schema.note_table import NoteRow
from models.schema.statements import made_of
from models.schema.tables import SyncJobRow

MAX_LENGTH = 1000
MAX_NOTES = 100
"""Maximum number of notes on a record."""


class TooManyNotesError(Exception):
    """The record already has the maximum number of notes."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note with its author and time (UTC)."""

    id: int
    at: datetime
    actor: str
    text: str


def of_job(database: Database, job_id: int) -> Sequence[Note]:
    """Return the notes on a record, the newest first."""
    query = select(*NoteRow.__table__.c).where(NoteRow.job_id == job_id).order_by(NoteRow.id.desc())
    return [made_of(Note, row) for row in database.rows(query)]


def add(database: Database, job_id: int, text: str, *, actor: str, now: datetime) -> bool:
    """Add a note to a record and an entry to the audit log; return False if there is no such record.

    ``text`` has at most :data:`MAX_LENGTH` characters.

    Raises:
        TooManyNotesError: it already has :data:`MAX_NOTES`.
    """
    row = select(*NAMED_BY).where(SyncJobRow.id == job_id).with_for_update(key_share=True)
    with database.transaction() as session:
        job = session.execute(row).one_or_none()
        if job is None:
            return False
        written = select(NoteRow.id).where(NoteRow.job_id == job_id).limit(MAX_NOTES)
        if len(session.scalars(written).all()) == MAX_NOTES:
            raise TooManyNotesError
        session.execute(insert(NoteRow).values(job_id=job_id, at=now, actor=actor, text=text))
        add_entry(session, **audit_entry(job, JobAction(now, actor, msg("Added a note"))))
        return True
