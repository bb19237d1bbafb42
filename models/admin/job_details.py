"""A job in detail: its state, its attempts, and the actions of people on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from i18n.messages import Message
from models.admin.job_list import JobView, view
from models.database import Database
from models.enums import Outcome, Record
from models.pagination import Key, Page, following, paged
from models.schema.statements import build_from, job_of
from models.schema.tables import AttemptRow, AuditRow, SyncJobRow

ATTEMPTS_PER_PAGE = 20
"""Attempts on a page; each may have many long calls."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt, which ended ``at`` (UTC); each call has its operation, request and response."""

    id: int
    at: datetime
    seconds: float
    outcome: Outcome
    error_code: str
    message: str
    warnings: tuple[str, ...]
    calls: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class JobAction:
    """An action of a person or program on a job, as in the audit log; ``at`` in UTC."""

    at: datetime
    actor: str
    action: str


def find(database: Database, job_id: int) -> JobView | None:
    return view(database, SyncJobRow.id == job_id)


def find_by_record(database: Database, connection_id: int, record: Record) -> JobView | None:
    return view(database, job_of(connection_id, record))


def record_name(database: Database, connection_id: int, record: Record) -> str:
    """Return the name of a record without its type, "" if it has not been read."""
    return name_in(database.scalar(select(SyncJobRow.title).where(job_of(connection_id, record))) or "")


def name_in(title: str) -> str:
    return str(title.values.get("name", title)) if isinstance(title, Message) else title


def attempts(database: Database, job_id: int) -> Sequence[AttemptView]:
    """Return all attempts of a job, oldest first."""
    rows = database.rows(_attempts(job_id).order_by(AttemptRow.id))
    return [build_from(AttemptView, row, outcome=Outcome(row.outcome)) for row in rows]


def attempts_page(database: Database, job_id: int, *, key: Key | None) -> Page[AttemptView]:
    def fetch(key: Key | None, limit: int) -> Sequence[AttemptView]:
        rows = database.rows(following(_attempts(job_id), (AttemptRow.at, AttemptRow.id), key=key).limit(limit))
        return [build_from(AttemptView, row, outcome=Outcome(row.outcome)) for row in rows]

    return paged(fetch, key=key, at=lambda attempt: (attempt.at, attempt.id), size=ATTEMPTS_PER_PAGE)


def actions(database: Database, job_id: int) -> Sequence[JobAction]:
    """Return the actions of people on a job, latest first."""
    query = select(AuditRow.at, AuditRow.actor, AuditRow.action).where(AuditRow.job_id == job_id)
    return [build_from(JobAction, row) for row in database.rows(query.order_by(AuditRow.id.desc()))]


def _attempts(job_id: int) -> Select[*tuple[Any, ...]]:
    return select(*AttemptRow.__table__.c).where(AttemptRow.job_id == job_id)
