"""Actions of people and programs on one or many jobs: retry, dismiss, resolve and reopen."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, false, func, select, true
from sqlalchemy.orm import Session

from i18n.messages import msg
from models.admin.job_details import JobAction
from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record, titled
from models.error_codes import SET_ASIDE, UNSEEN_DRAFT
from models.inbox import circuit_breaker, dependencies, links, questions
from models.inbox.job_updates import concerns, job_data, update_by
from models.inbox.transitions import TABLE, JobEvent
from models.receivers import outbox
from models.receivers.outbox import EventType, OutgoingEvent
from models.schema.audit_entries import add_entry
from models.schema.locks import LOCK_ORDER, locked
from models.schema.tables import MatchQuestionRow, SyncJobRow

RESET = {"dismissal_reason": ""}
"""Columns that are cleared when a job is reopened or retried."""

JOBS_PER_TRANSACTION = 20
"""Jobs that one transaction changes. A webhook for one of them waits until the transaction ends."""

RESOLVED_MANUALLY = msg("Resolved manually")
SKIPPED_PERMANENTLY = msg("Skipped permanently")

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
"""The states in which a person can dismiss a job."""

RETRIABLE = frozenset(TABLE[JobEvent.RETRIED])
"""The states in which a person can retry a job."""


class JobActionName(StrEnum):
    """The name of an action on jobs. Dismissed and resolved jobs both end as `dismissed`."""

    RETRY = "retry"
    DISMISS = "dismiss"
    RESOLVE = "resolve"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class AllowedStates:
    """The job states in which an action is allowed: on selected jobs, and on all jobs of a filter."""

    for_selected: frozenset[JobState]
    for_all: frozenset[JobState]


DISMISSED = frozenset({JobState.DISMISSED})
ALLOWED_STATES: Mapping[JobActionName, AllowedStates] = {
    # An outdated page must not reopen dismissed jobs.
    JobActionName.RETRY: AllowedStates(RETRIABLE - DISMISSED, OPEN),
    JobActionName.DISMISS: AllowedStates(OPEN, OPEN),
    JobActionName.RESOLVE: AllowedStates(OPEN, OPEN),
    JobActionName.REOPEN: AllowedStates(DISMISSED, DISMISSED),
}
DEFAULT_REASONS = {JobActionName.DISMISS: SKIPPED_PERMANENTLY, JobActionName.RESOLVE: RESOLVED_MANUALLY}
"""The reason for a dismissal if the person or program gives none."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The number of jobs that an action changed, and the lanes that have work because of it."""

    count: int
    lanes: frozenset[Lane] = frozenset()


def count(database: Database, job_filter: JobFilter) -> int:
    """Count the jobs of a filter, which must name states that few jobs have, such as the open ones."""
    query = select(func.count()).select_from(SyncJobRow).where(*job_filter.conditions(SyncJobRow))
    return database.scalar(query) or 0


def matching_ids(database: Database, job_filter: JobFilter) -> frozenset[int]:
    """Return the ids of the jobs of a filter that lists ids itself."""
    return frozenset(database.scalars(select(SyncJobRow.id).where(*job_filter.conditions(SyncJobRow))))


def narrow_selection(name: JobActionName, job_filter: JobFilter) -> JobFilter:
    """Limit selected jobs to the states in which the action is allowed."""
    states = ALLOWED_STATES[name].for_selected
    states = job_filter.states & states if job_filter.states else states
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def narrow_filter(name: JobActionName, job_filter: JobFilter) -> JobFilter:
    """Limit a filter to the states in which the action is allowed; a filter without states means open jobs."""
    states = (job_filter.states or OPEN) & ALLOWED_STATES[name].for_all
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def perform(
    database: Database,
    name: JobActionName,
    job_filter: JobFilter,
    *,
    because: str = "",
    actor: str,
    now: datetime,
) -> ActionResult:
    """Perform an action on jobs. Jobs that it does not concern in their present state are unchanged.

    ``because`` is the reason for a dismissal, empty for the default one.
    """
    if name is JobActionName.RETRY:
        return retry(database, job_filter, actor=actor, now=now)
    if name is JobActionName.REOPEN:
        return reopen(database, job_filter, actor=actor, now=now)
    return dismiss(
        database,
        job_filter,
        because=because or DEFAULT_REASONS[name],
        resolved=name is JobActionName.RESOLVE,
        actor=actor,
        now=now,
    )


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


def audit_entry(job: SyncJobRow | Row[*tuple[Any, ...]], action: JobAction) -> dict[str, Any]:
    """Return the audit entry of an action on a job, with the record's name."""
    record = job.title or titled(EntityType(job.entity_type), job.record_id)
    text = msg("{deed}: {record}", deed=action.action, record=record)
    of_job = {"connection_id": job.connection_id, "job_id": job.id}
    return {**of_job, "at": action.at, "actor": action.actor, "action": text}


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
