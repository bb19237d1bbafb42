"""The view of a job with all its attempts, and the actions of people on one or many jobs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, false, func, select, true
from sqlalchemy.orm import Session

from i18n.messages import Message, msg
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView, view
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record, titled
from models.error_codes import SET_ASIDE, UNSEEN_DRAFT
from models.inbox import circuit_breaker, dependencies, links, questions
from models.inbox.job_updates import concerns, job_data, update_by
from models.inbox.transitions import TABLE, JobEvent
from models.pagination import Key, Page, following, paged
from models.receivers import outbox
from models.receivers.outbox import EventType, OutgoingEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import LOCK_ORDER, locked
from models.schema.statements import build_from, job_of
from models.schema.tables import AttemptRow, AuditRow, MatchQuestionRow, SyncJobRow

RESET = {"dismissal_reason": ""}
"""Columns that are cleared when a job is reopened or retried."""

JOBS_PER_TRANSACTION = 20
"""Jobs that one transaction changes. A webhook for one of them waits until the transaction ends."""

ATTEMPTS_PER_PAGE = 20
"""Attempts on a page; each may have many long calls."""

RESOLVED_MANUALLY = msg("Resolved manually")
SKIPPED_PERMANENTLY = msg("Skipped permanently")
"""The reasons that people choose from when they dismiss a job."""

JOB_COLUMNS = (
    SyncJobRow.id,
    SyncJobRow.connection_id,
    SyncJobRow.entity_type,
    SyncJobRow.record_id,
    SyncJobRow.title,
    SyncJobRow.revision,
    SyncJobRow.outcome,
    SyncJobRow.error_code,
)
"""The columns of a job that the audit log and receivers need."""

OPEN = frozenset(TABLE[JobEvent.DISMISSED])
RETRIABLE = frozenset(TABLE[JobEvent.RETRIED])
"""The states in which a person can dismiss a job, and those in which they can retry it."""


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
    at: datetime
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The number of jobs that an action changed, and the lanes that have work because of it."""

    count: int
    lanes: frozenset[Lane] = frozenset()


def find(database: Database, connection_id: int, record: Record) -> JobView | None:
    return view(database, job_of(connection_id, record))


def show(database: Database, job_id: int) -> JobView | None:
    return view(database, SyncJobRow.id == job_id)


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


def count(database: Database, job_filter: JobFilter) -> int:
    """Count the jobs of a filter, which must name states that few jobs have, such as the open ones."""
    query = select(func.count()).select_from(SyncJobRow).where(*job_filter.conditions(SyncJobRow))
    return database.scalar(query) or 0


def matching(database: Database, job_filter: JobFilter) -> frozenset[int]:
    """Return the ids of the jobs of a filter that lists ids itself."""
    return frozenset(database.scalars(select(SyncJobRow.id).where(*job_filter.conditions(SyncJobRow))))


def retry(database: Database, job_filter: JobFilter, *, actor: str, now: datetime) -> ActionResult:
    """Make jobs due, including dismissed ones. Running jobs are unchanged.

    The retry of a possible draft, or of a record whose link was set aside, confirms that the person has looked for
    it in the other system. A project that was saved under another number may be saved again. An open circuit
    breaker lets one job through at once.
    """
    action = JobAction(now, actor, msg("Retry"))
    looked_for = job_filter.ids is not None and len(job_filter.ids) == 1
    unseen = SyncJobRow.error_code.in_((UNSEEN_DRAFT, SET_ASIDE)) if looked_for else false()
    expense = SyncJobRow.entity_type == EntityType.EXPENSE
    ruled_out = _apply(database, job_filter, JobEvent.RULED_OUT, action, RESET, only=and_(unseen, ~expense))
    ruled_out = ruled_out if ruled_out.count else _resume(database, job_filter, action, only=and_(unseen, expense))
    retried = ruled_out if ruled_out.count else _apply(database, job_filter, JobEvent.RETRIED, action, RESET)
    circuit_breaker.end_open_period(database, {lane.connection_id for lane in retried.lanes}, now=now)
    return retried


def _resume(
    database: Database, job_filter: JobFilter, action: JobAction, *, only: ColumnElement[bool]
) -> ActionResult:
    """Restore the set-aside links of a voucher that is retried, so that all its expenses are updated."""
    with database.transaction() as session:
        which = (*job_filter.conditions(SyncJobRow), only, concerns(JobEvent.RULED_OUT))
        for row in session.execute(locked(select(*JOB_COLUMNS).where(*which))):
            record = Record(EntityType(row.entity_type), row.record_id)
            links.restore_former(session, row.connection_id, record, now=action.at)
        return apply_event(session, which, JobEvent.RETRIED, action, RESET)


def dismiss(
    database: Database,
    job_filter: JobFilter,
    *,
    because: str,
    resolved: bool = False,
    actor: str,
    now: datetime,
) -> ActionResult:
    """Dismiss jobs that are open. They stay dismissed, whatever is received.

    ``because`` is the person's reason, ``resolved`` whether they handled the record manually, and ``now`` (UTC)
    the instant by which these jobs can be reopened together.
    """
    reason = {"dismissal_reason": msg("{because} ({who})", because=because, who=actor), "completed_at": now}
    action = JobAction(now, actor, because)
    dismissed = _apply(database, job_filter, JobEvent.DISMISSED, action, reason, resolved=resolved)
    woken: set[Lane] = set()
    for connection_id in {lane.connection_id for lane in dismissed.lanes}:
        woken |= dependencies.end_dismissed(database, connection_id, now=now)
    return ActionResult(dismissed.count, dismissed.lanes | woken)


def reopen(database: Database, job_filter: JobFilter, *, actor: str, now: datetime) -> ActionResult:
    """Reopen dismissed jobs. Jobs that had needed attention wait for a person to retry them; the others are due.

    Before anything is sent, the flow looks for records that were entered manually meanwhile.
    """
    action = JobAction(now, actor, msg("Reopened"))
    unsolved = SyncJobRow.needs_attention_since.is_not(None)
    listed = _apply(database, job_filter, JobEvent.REOPENED_UNSOLVED, action, RESET, only=unsolved)
    due = _apply(database, job_filter, JobEvent.REOPENED, action, RESET, only=~unsolved)
    return ActionResult(listed.count + due.count, listed.lanes | due.lanes)


def _apply(  # noqa: PLR0913 - the event and its data
    database: Database,
    job_filter: JobFilter,
    event: JobEvent,
    action: JobAction,
    values: Mapping[str, Any],
    *,
    only: ColumnElement[bool] | None = None,
    resolved: bool = False,
) -> ActionResult:
    """Apply an event to the jobs of a filter, :data:`JOBS_PER_TRANSACTION` in each transaction.

    If a transaction fails, the changes of earlier ones stay; a repeated request continues with the others.
    """
    conditions = (*job_filter.conditions(SyncJobRow), true() if only is None else only, concerns(event))
    ids = database.scalars(select(SyncJobRow.id).where(*conditions).order_by(*LOCK_ORDER))
    count, lanes = 0, set[Lane]()
    for first in range(0, len(ids), JOBS_PER_TRANSACTION):
        some = SyncJobRow.id.in_(ids[first : first + JOBS_PER_TRANSACTION])
        with database.transaction() as session:
            changed = apply_event(session, (*conditions, some), event, action, values, resolved=resolved)
        count += changed.count
        lanes |= changed.lanes
    return ActionResult(count, frozenset(lanes))


def apply_event(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    event: JobEvent,
    action: JobAction,
    values: Mapping[str, Any],
    *,
    resolved: bool = False,
) -> ActionResult:
    """Apply an event to the jobs that it concerns, and add audit entries for the action.

    Receivers get an event for each job that is dismissed (with whether it was ``resolved``) or needs attention.
    """
    rows = session.execute(locked(select(*JOB_COLUMNS).where(*conditions, concerns(event)))).all()
    ids = [row.id for row in rows]
    session.execute(update_by(event, now=action.at, **values).where(SyncJobRow.id.in_(ids)))
    if event is JobEvent.RULED_OUT:
        for row in rows:
            links.delete_former(session, row.connection_id, Record(EntityType(row.entity_type), row.record_id))
    if event is JobEvent.RETRIED:
        saved_elsewhere = MatchQuestionRow.job_id.in_(ids), questions.is_saved_elsewhere()
        session.execute(delete(MatchQuestionRow).where(*saved_elsewhere))
    for row in rows:
        add_entry(session, **audit_entry(row, action))
    if event in (JobEvent.REOPENED_UNSOLVED, JobEvent.ASKED_AGAIN):
        _record(session, EventType.JOB_NEEDS_ATTENTION, rows, now=action.at)
    if event is JobEvent.DISMISSED:
        _record(session, EventType.JOB_DISMISSED, rows, now=action.at, resolved=resolved)
    return ActionResult(len(rows), frozenset(Lane(row.connection_id, EntityType(row.entity_type)) for row in rows))


def _record(
    session: Session, type_: EventType, rows: Sequence[Row[*tuple[Any, ...]]], *, now: datetime, **more: bool
) -> None:
    """Record an event for receivers about each of these jobs, with ``more`` data."""
    of_connection = defaultdict[int, list[OutgoingEvent]](list)
    for row in rows:
        data = job_data(row, revision=row.revision) | more
        of_connection[row.connection_id].append(OutgoingEvent(type_, data))
    for connection_id, events in of_connection.items():
        outbox.record(session, connection_id, events, now=now)


def audit_entry(job: SyncJobRow | Row[*tuple[Any, ...]], action: JobAction) -> dict[str, Any]:
    """Return the audit entry of an action on a job, with the record's name."""
    record = job.title or titled(EntityType(job.entity_type), job.record_id)
    text = msg("{deed}: {record}", deed=action.action, record=record)
    of_job = {"connection_id": job.connection_id, "job_id": job.id}
    return {**of_job, "at": action.at, "actor": action.actor, "action": text}


def _attempts(job_id: int) -> Select[*tuple[Any, ...]]:
    return select(*AttemptRow.__table__.c).where(AttemptRow.job_id == job_id)
