"""The transitions applied to rows: to one job in Python, or to many in one SQL statement."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    SQLColumnExpression,
    Update,
    case,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from models.enums import PENDING, EntityType, JobState, Record
from models.inbox import transitions
from models.inbox.transitions import (
    NEW_JOB,
    TABLE,
    AlertDue,
    CounterEffect,
    DependencyEffect,
    DueEffect,
    JobEvent,
    JobSnapshot,
    Occurrence,
    Transition,
    UnknownEffect,
    apply,
)
from models.schema.locks import locked
from models.schema.tables import SyncJobRow

Sql = SQLColumnExpression[Any]


def concerns(event: JobEvent) -> ColumnElement[bool]:
    """Return the SQL condition that an event changes a job in its present state."""
    return SyncJobRow.state.in_(TABLE[event])


def new_job_values(event: JobEvent, *, now: datetime | Sql, outcome_unknown: bool | Sql = False) -> dict[str, Any]:
    return {
        "state": NEW_JOB[event].state or JobState.QUEUED,
        "due_at": now,
        "unfinished_since": now,
        "outcome_unknown": outcome_unknown,
        "updated_at": now,
    }


def changed_values(
    event: JobEvent,
    *,
    now: datetime | Sql,
    due_at: datetime | None = None,
    outcome_unknown: bool | Sql = False,
    dependency: Record | None = None,
) -> dict[str, Sql]:
    """Return the SQL values of a job's columns after an event, unchanged if the event does not concern the job."""
    given = literal(outcome_unknown) if isinstance(outcome_unknown, bool) else outcome_unknown
    at = now if isinstance(now, SQLColumnExpression) else literal(now, SyncJobRow.due_at.type)
    proposed = literal(due_at, SyncJobRow.due_at.type)

    # PostgreSQL's greatest ignores NULLs: without an attempt, this is now.
    ended = func.greatest(at, SyncJobRow.completed_at + transitions.VERIFICATION_DELAY)
    soon = case((SyncJobRow.outcome_unknown, ended), else_=at)
    due = {
        DueEffect.KEEP: SyncJobRow.due_at,
        DueEffect.NEVER: null(),
        DueEffect.NOW: at,
        DueEffect.SOON: soon,
        DueEffect.SOONER: func.least(SyncJobRow.due_at, soon),
        DueEffect.PROPOSED: func.coalesce(proposed, at),
        DueEffect.RECHECK: proposed,
    }
    unknown = {
        UnknownEffect.KEEP: SyncJobRow.outcome_unknown,
        UnknownEffect.ADD: or_(SyncJobRow.outcome_unknown, given),
        UnknownEffect.SET: true(),
        UnknownEffect.CLEAR: false(),
    }
    alerted = {AlertDue.NOTHING: SyncJobRow.alerted, AlertDue.TROUBLE: true(), AlertDue.RECOVERY: false()}
    unfinished = case((SyncJobRow.state.in_(PENDING), SyncJobRow.unfinished_since), else_=at)

    def depends_on(column: Sql, value: str | None) -> Callable[[Transition], Sql]:
        effects = {
            DependencyEffect.KEEP: column,
            DependencyEffect.SET: literal(value),
            DependencyEffect.CLEAR: null(),
        }
        return lambda cell: effects[cell.dependency]

    def since(cell: Transition) -> Sql:
        if cell.state is None:
            return SyncJobRow.unfinished_since
        return unfinished if cell.state in PENDING else null()

    columns: Mapping[str, Callable[[Transition], Sql]] = {
        "state": lambda cell: SyncJobRow.state if cell.state is None else literal(cell.state),
        "due_at": lambda cell: due[cell.due],
        "failed_attempts": lambda cell: _count(SyncJobRow.failed_attempts, cell.tries),
        "worker_crashes": lambda cell: _count(SyncJobRow.worker_crashes, cell.crashes),
        "outcome_unknown": lambda cell: unknown[cell.unknown],
        "dependency_type": depends_on(SyncJobRow.dependency_type, dependency.entity_type if dependency else None),
        "dependency_id": depends_on(SyncJobRow.dependency_id, dependency.id if dependency else None),
        "alerted": lambda cell: alerted[cell.alert],
        "unfinished_since": since,
        "updated_at": lambda _: at,
    }
    return {name: _by_state(TABLE[event], name, become) for name, become in columns.items()}


def update_by(event: JobEvent, *, now: datetime, **columns: object) -> Update:
    """Return the update that applies an event and sets other ``columns``. Add a condition for the jobs.

    Rows that the session has loaded keep their old values.
    """
    change = update(SyncJobRow).values(**changed_values(event, now=now), **columns)
    return change.execution_options(synchronize_session=False)


def restart_unfinished_of_types(
    session: Session, connection_id: int, entity_types: Collection[EntityType], *, now: datetime
) -> None:
    """Restart the count of how long jobs of these types are unfinished: until now, they could not continue."""
    if entity_types:
        restart_unfinished(session, connection_id, SyncJobRow.entity_type.in_(entity_types), now=now)


def restart_unfinished(session: Session, connection_id: int, which: ColumnElement[bool], *, now: datetime) -> None:
    """Restart the count of how long some jobs are unfinished. It is not an event; their states stay."""
    jobs = select(SyncJobRow.id).where(
        SyncJobRow.connection_id == connection_id, which, SyncJobRow.unfinished_since < now
    )
    restarted = update(SyncJobRow).where(SyncJobRow.id.in_(locked(jobs))).values(unfinished_since=now)
    session.execute(restarted.execution_options(synchronize_session=False))


def apply_events(row: SyncJobRow, *events: Occurrence) -> None:
    snapshot = snapshot_of(row)
    for event in events:
        snapshot, row.updated_at = apply(snapshot, event) or snapshot, event.now
    dependency = snapshot.dependency
    row.state, row.due_at, row.alerted = snapshot.state, snapshot.due_at, snapshot.alerted
    row.failed_attempts, row.worker_crashes = snapshot.failed_attempts, snapshot.worker_crashes
    row.outcome_unknown, row.unfinished_since = snapshot.outcome_unknown, snapshot.unfinished_since
    row.dependency_type = dependency.entity_type if dependency else None
    row.dependency_id = dependency.id if dependency else None


def snapshot_of(row: SyncJobRow) -> JobSnapshot:
    return JobSnapshot(
        state=JobState(row.state),
        due_at=row.due_at,
        failed_attempts=row.failed_attempts,
        worker_crashes=row.worker_crashes,
        outcome_unknown=row.outcome_unknown,
        dependency=dependency_of(row),
        alerted=row.alerted,
        attempted_at=row.completed_at,
        unfinished_since=row.unfinished_since,
    )


def job_data(row: SyncJobRow | Row[*tuple[Any, ...]], *, revision: int) -> dict[str, Any]:
    """Return the data of a job for receivers: ids and codes, without text of its record."""
    return {
        "job_id": row.id,
        "revision": revision,
        "entity_type": row.entity_type,
        "record_id": row.record_id,
        "outcome": row.outcome,
        "error_code": row.error_code or None,
    }


def dependency_of(row: SyncJobRow) -> Record | None:
    return Record(EntityType(row.dependency_type), row.dependency_id or "") if row.dependency_type else None


def _count(column: Sql, effect: CounterEffect) -> Sql:
    return {
        CounterEffect.KEEP: column,
        CounterEffect.COUNT: column + 1,
        CounterEffect.TAKE_BACK: func.greatest(column - 1, 0),
        CounterEffect.RESET: literal(0),
    }[effect]


def _by_state(cells: Mapping[JobState, Transition], name: str, become: Callable[[Transition], Sql]) -> Sql:
    """Return a CASE by state. States with the same value share a branch; unchanged states need no branch."""
    groups: dict[Transition, list[JobState]] = {}
    for state, cell in cells.items():
        groups.setdefault(cell, []).append(state)
    column = getattr(SyncJobRow, name)
    becomes = [(states, become(cell)) for cell, states in groups.items()]
    branches = [(SyncJobRow.state.in_(states), value) for states, value in becomes if value is not column]
    return case(*branches, else_=column) if branches else column
