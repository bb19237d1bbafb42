"""One change as a person sees it, with all its attempts, and what a person may do about some or many."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, insert, select, update

from i18n.messages import Message, msg
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView, views
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record, titled
from models.inbox import verification_delay
from models.pagination import Key, Page, following, paged
from models.schema.locks import locked
from models.schema.statements import job_of, made_of
from models.schema.tables import AttemptRow, AuditRow, SyncJobRow

UNSEEN_DRAFT = "unseen_draft"
"""Reason of a change that may be in the journal, where only a person can look: they have, when they retry it."""

ATTEMPTS_PER_PAGE = 20
"""Attempts on a page; each may hold many long exchanges."""

RESOLVED_BY_HAND = msg("Handled by hand")
DO_NOT_TRANSFER = msg("Do not transfer")
"""What people say when they close a change."""

NAMED_BY = (
    SyncJobRow.id,
    SyncJobRow.connection_id,
    SyncJobRow.entity_type,
    SyncJobRow.record_id,
    SyncJobRow.title,
)
"""What the audit says of a change."""

OPEN = frozenset({JobState.QUEUED, JobState.NEEDS_ATTENTION})
"""States of what a person may close; anything but what is in a worker's hands may be tried again."""

WAITS_FOR_NOTHING: Mapping[str, Any] = {"dependency_type": None, "dependency_id": None}
"""A person's word ends the wait for another record: a link that comes later does not undo it."""

QUEUED_AFRESH: Mapping[str, Any] = {
    "state": JobState.QUEUED,
    "failed_attempts": 0,
    "worker_crashes": 0,
    "dismissal_reason": "",
    **WAITS_FOR_NOTHING,
}
"""How a change stands that a person has tried again."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try: when (UTC), how long in seconds, how it ended, and each call: operation, request and response."""

    id: int
    at: datetime
    seconds: float
    outcome: Outcome
    error_code: str
    message: str
    calls: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class JobAction:
    at: datetime
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How many changes something was done about, and the lanes that have something to do after it."""

    count: int
    lanes: frozenset[Lane] = frozenset()


def find(database: Database, connection_id: int, record: Record) -> JobView | None:
    return _one(database, job_of(connection_id, record))


def show(database: Database, job_id: int) -> JobView | None:
    return _one(database, SyncJobRow.id == job_id)


def record_name(database: Database, connection_id: int, record: Record) -> str:
    """Tell the name of a record without what kind it is, "" where nobody has read it."""
    title = database.scalar(select(SyncJobRow.title).where(job_of(connection_id, record))) or ""
    return str(title.values.get("name", title)) if isinstance(title, Message) else title


def attempts(database: Database, job_id: int) -> Sequence[AttemptView]:
    """Read all attempts of a change, oldest first."""
    rows = database.rows(_attempts(job_id).order_by(AttemptRow.id))
    return [made_of(AttemptView, row, outcome=Outcome(row.outcome)) for row in rows]


def attempts_page(database: Database, job_id: int, *, key: Key | None) -> Page[AttemptView]:
    def fetch(key: Key | None, limit: int) -> Sequence[AttemptView]:
        rows = database.rows(following(_attempts(job_id), (AttemptRow.at, AttemptRow.id), key=key).limit(limit))
        return [made_of(AttemptView, row, outcome=Outcome(row.outcome)) for row in rows]

    return paged(fetch, key=key, at=lambda attempt: (attempt.at, attempt.id), size=ATTEMPTS_PER_PAGE)


def actions(database: Database, job_id: int) -> Sequence[JobAction]:
    """Tell what people did about a change, the latest first."""
    query = select(AuditRow.at, AuditRow.actor, AuditRow.action).where(AuditRow.job_id == job_id)
    return [made_of(JobAction, row) for row in database.rows(query.order_by(AuditRow.id.desc()))]


def count(database: Database, job_filter: JobFilter) -> int:
    """Tell how many changes are wanted; for what a person may do something about, which is never most of them."""
    query = select(func.count()).select_from(SyncJobRow).where(*job_filter.conditions(SyncJobRow))
    return database.scalar(query) or 0


def retry(database: Database, job_filter: JobFilter, *, actor: str, now: datetime) -> ActionResult:
    """Make changes due, also those that were closed; those in a worker's hands stay as they are.

    One whose last call may still be at work is due when that has ended, a minute after it was given up.
    """
    looked = SyncJobRow.error_code == UNSEEN_DRAFT
    due_at = case((looked, now), else_=verification_delay.earliest_retry(now))
    uncertain = case((looked, False), else_=SyncJobRow.outcome_unknown)
    again = {**QUEUED_AFRESH, "due_at": due_at, "outcome_unknown": uncertain}
    return _apply(
        database, job_filter, set(JobState) - {JobState.RUNNING}, JobAction(now, actor, msg("Try again")), again
    )


def dismiss(database: Database, job_filter: JobFilter, *, because: str, actor: str, now: datetime) -> ActionResult:
    """Take those that wait or need a person off the list: they stay as they are, whatever is received.

    ``because`` is what the person says, and ``now`` (UTC) the instant by which they can be opened again together.
    """
    told = msg("{because} ({who})", because=because, who=actor)
    closed = {"state": JobState.DISMISSED, "dismissal_reason": told, "completed_at": now, **WAITS_FOR_NOTHING}
    return _apply(database, job_filter, OPEN, JobAction(now, actor, because), closed)


def reopen(database: Database, job_filter: JobFilter, *, actor: str, now: datetime) -> ActionResult:
    """Put closed changes back to where they stood: needing a person, or waiting.

    What somebody may have done by hand meanwhile is looked for before it is sent.
    """
    stood = case((SyncJobRow.needs_attention_since.is_not(None), JobState.NEEDS_ATTENTION), else_=JobState.QUEUED)
    opened = {
        "state": stood,
        "due_at": verification_delay.earliest_retry(now),
        "dismissal_reason": "",
        "outcome_unknown": True,
        **WAITS_FOR_NOTHING,
    }
    return _apply(database, job_filter, {JobState.DISMISSED}, JobAction(now, actor, msg("Opened again")), opened)


def _apply(
    database: Database,
    job_filter: JobFilter,
    states: Collection[JobState],
    deed: JobAction,
    values: Mapping[str, Any],
) -> ActionResult:
    meant = select(*NAMED_BY).where(*job_filter.conditions(SyncJobRow), SyncJobRow.state.in_(states))
    with database.transaction() as session:
        rows = session.execute(locked(meant)).all()
        session.execute(update(SyncJobRow).where(SyncJobRow.id.in_([row.id for row in rows])).values(**values))
        if rows:
            session.execute(insert(AuditRow), [audit_entry(row, deed) for row in rows])
    return ActionResult(len(rows), frozenset(Lane(row.connection_id, EntityType(row.entity_type)) for row in rows))


def audit_entry(job: SyncJobRow | Row[*tuple[Any, ...]], deed: JobAction) -> dict[str, Any]:
    """Say what was done about a change, by the name of its record that a person knows."""
    record = job.title or titled(EntityType(job.entity_type), job.record_id)
    action = msg("{deed}: {record}", deed=deed.action, record=record)
    of_job = {"connection_id": job.connection_id, "job_id": job.id}
    return {**of_job, "at": deed.at, "actor": deed.actor, "action": action}


def _one(database: Database, which: ColumnElement[bool]) -> JobView | None:
    with database.transaction() as session:
        return next(iter(views(session, which)), None)


def _attempts(job_id: int) -> Select[*tuple[Any, ...]]:
    return select(*AttemptRow.__table__.c).where(AttemptRow.job_id == job_id)
