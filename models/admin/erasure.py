"""Erasure of a connection with all its data, and of a person from every text that names them.

The accounting records stay in the two systems. Ids, amounts and the time of events stay here.
:mod:`models.admin.personal_data` lists the columns with personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from i18n.messages import as_json, from_json, msg
from models import uploaded_documents
from models.admin import personal_data
from models.admin.personal_data import REDACTED, Person, PersonalDataMatch
from models.database import Database
from models.enums import EntityType, Record
from models.inbox import leases
from models.schema.audit_entries import add_entry, allow_erasure, allow_redaction
from models.schema.locks import FOR_NO_KEY_UPDATE
from models.schema.search_terms import search_terms
from models.schema.statements import link_of
from models.schema.tables import AttemptRow, AuditRow, Base, ConnectionRow, LinkRow, SyncJobRow
from models.schema.user_tables import GrantRow, UserRow
from models.users import repository as users

BATCH_SIZE = 500
"""Jobs that are erased in one transaction, with their attempts."""

CORRECTED_MANUALLY = frozenset({"name", "settings"})
"""Columns of a connection that may name a person and that a user has to correct."""

WHOLE_ROWS = frozenset({"users.email", "failed_sign_ins.email", "alerts.recipient"})
"""Columns whose row is deleted, because it is about the person named in it."""


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The number of texts that a person was removed from, and the matches that must be corrected manually."""

    count: int
    remaining: Sequence[PersonalDataMatch]


def erase_connection(database: Database, connection_id: int, *, actor: str, now: datetime) -> Sequence[str]:
    """Erase a paused connection, and return the users who now see no connection.

    Raises JobsRunningError if a worker is running jobs of the connection; nothing is erased then.
    """
    with database.transaction() as session:
        leases.expect_idle(session, connection_id, now=now)
    some = select(SyncJobRow.id).where(SyncJobRow.connection_id == connection_id).limit(BATCH_SIZE)
    erase_some = delete(SyncJobRow).where(SyncJobRow.id.in_(some)).returning(SyncJobRow.id)
    erased = True
    while erased:
        with database.transaction() as session:
            allow_erasure(session, connection_id)
            erased = bool(session.scalars(erase_some).all())
    with database.transaction() as session:
        allow_erasure(session, connection_id)
        row = session.get_one(ConnectionRow, connection_id, with_for_update=FOR_NO_KEY_UPDATE)
        without_connection = session.scalars(_users_of_no_other(connection_id)).all()
        session.delete(row)
        _redact_name(session, row.name)
        what = msg("Erased connection {number} and all its data", number=connection_id)
        add_entry(session, at=now, actor=actor, action=what)
    return without_connection


def erase_person(database: Database, person: Person, *, actor: str, now: datetime) -> ErasureResult:
    """Remove a person from every text that names them, with all recorded calls about their own records.

    Raises LastAdministratorError if they are the last user who may manage users.
    """
    count, remaining = 0, []
    for match in personal_data.find(database, person):
        if match.table == "connections" and match.column in CORRECTED_MANUALLY:
            remaining.append(match)
        else:
            _redact(database, match, person)
            count += 1
    what = msg("Erased a person's data from {count} texts", count=count)
    with database.transaction() as session:
        add_entry(session, at=now, actor=actor, action=what)
    return ErasureResult(count, remaining)


def _redact_name(session: Session, name: str) -> None:
    """Remove a company's name from the audit entries about users, which are kept."""
    if len(name) < personal_data.MIN_NAME_LENGTH:
        return
    company = Person([name])
    allow_redaction(session)
    for line in session.scalars(select(AuditRow).where(AuditRow.connection_id.is_(None))):
        line.action = from_json(company.redact(as_json(line.action)))


def _users_of_no_other(connection_id: int) -> Select[str]:
    others = exists().where(GrantRow.user_id == UserRow.id, GrantRow.connection_id != connection_id)
    seen = exists().where(GrantRow.user_id == UserRow.id, GrantRow.connection_id == connection_id)
    return select(UserRow.email).where(seen, ~others).order_by(UserRow.email)


def _redact(database: Database, match: PersonalDataMatch, person: Person) -> None:
    """Redact one column of one row, in its own transaction, so that it holds no other locks."""
    with database.transaction() as session:
        if (match.table, match.column) == ("users", "email"):
            users.remove(session, *match.key)
        elif f"{match.table}.{match.column}" in WHOLE_ROWS:
            session.execute(delete(Base.metadata.tables[match.table]).where(_is_row_of(match)))
        elif match.table == "sync_jobs" and match.column in ("title", "search_terms"):
            _rename_job(session, *match.key, about_person=match.column == "title")
        elif match.column == "calls":
            _write(session, match, [_redacted(each, person) for each in match.value])
        elif match.table == "files":
            _write(session, match, uploaded_documents.erased_name(match.value))
        else:
            _write(session, match, person.redact(match.value))


def _write(session: Session, match: PersonalDataMatch, value: Any) -> None:  # noqa: ANN401 - text, or what JSON holds
    table = Base.metadata.tables[match.table]
    is_plain = f"{match.table}.{match.column}" in personal_data.NAMING_COLUMNS
    allow_redaction(session)
    written = value if is_plain else literal(value, JSONB)
    session.execute(update(table).where(_is_row_of(match)).values({match.column: written}))


def _is_row_of(match: PersonalDataMatch) -> ColumnElement[bool]:
    keys = Base.metadata.tables[match.table].primary_key
    return and_(*(column == value for column, value in zip(keys, match.key, strict=True)))


def _rename_job(session: Session, job_id: int, *, about_person: bool) -> None:
    """Name a job by its record's number, its only search term then. If ``about_person``, redact its calls."""
    row = session.get_one(SyncJobRow, job_id, with_for_update=FOR_NO_KEY_UPDATE)
    record = Record(EntityType(row.entity_type), row.record_id)
    link = select(LinkRow.remote_id).where(link_of(row.connection_id, record))
    row.title = record.name if about_person else row.title
    row.search_terms = search_terms(row.title, record.id, session.scalar(link) or "")
    if about_person:
        for attempt in session.scalars(select(AttemptRow).where(AttemptRow.job_id == job_id)):
            attempt.calls = [_redacted(each) for each in attempt.calls]


def _redacted(call: dict[str, str], person: Person | None = None) -> dict[str, str]:
    """Redact a call's texts if it names the person; without a person, always."""
    if person and not person.is_named_in(call):
        return call
    return {"operation": call["operation"], "request": REDACTED, "response": REDACTED}
