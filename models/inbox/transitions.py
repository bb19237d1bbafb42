"""A sync job's transitions: event x state -> state, due time, tries, unknown outcome, dependency, alert.

Nothing else decides a job's next state. The module is pure: :func:`apply` applies a cell to one job in Python,
and :mod:`models.inbox.job_updates` turns the same cells into SQL for many jobs.

A cell that is not in the table leaves the job as it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from models.enums import PENDING, JobState, Record

VERIFICATION_DELAY = timedelta(seconds=60)
"""How long after an attempt its unknown outcome is verified, because the call may still be running.

Together with the timeout of a minute, it is longer than 24SevenOffice lets a call run (assumption S25).
"""


class JobEvent(StrEnum):
    """An event of a job. First come the events that create or reopen it, then of workers, then of people."""

    RECEIVED = "received"  # the record changed, or a poll found it
    NEEDED = "needed"  # another record waits for it
    LEASED = "leased"
    SYNCED = "synced"  # or found unchanged: it is in sync
    SKIPPED = "skipped"
    DEPENDENCY_PENDING = "dependency_pending"
    DEPENDENCY_ENDED = "dependency_ended"  # the dependency will never be synced
    REJECTED = "rejected"
    FAILED = "failed"
    EXHAUSTED = "exhausted"  # it failed for the last time that is allowed
    PROBED = "probed"  # it failed in the outage that it probed; the job is not at fault
    RATE_LIMITED = "rate_limited"
    MISCONFIGURED = "misconfigured"
    UNTRIED = "untried"  # the batch ended before its turn
    LEASE_EXPIRED = "lease_expired"  # the worker vanished
    WORKER_RETURNED = "worker_returned"  # it had not vanished: PostgreSQL was down for longer than its lease
    DEPENDENCY_SYNCED = "dependency_synced"
    DEPENDENCY_GONE = "dependency_gone"  # its dependency has ended without a link
    RECOVERED = "recovered"  # an outage is over
    RESTORED = "restored"  # the database was restored from a backup
    RETRIED = "retried"
    RULED_OUT = "ruled_out"  # retried by a person who has checked that the last call took no effect
    ANSWERED = "answered"  # a person chose the matching record of the other system
    ASKED_AGAIN = "asked_again"  # the choice was undone
    SENT_AGAIN = "sent_again"  # by the reconciliation
    OVERDUE = "overdue"  # it has been unfinished for too long, whatever the reason
    DISMISSED = "dismissed"
    REOPENED = "reopened"
    REOPENED_UNSOLVED = "reopened_unsolved"  # a job that had needed attention: a person has to retry it


class DueEffect(Enum):
    """When the job is tried next."""

    KEEP = auto()
    NEVER = auto()
    NOW = auto()
    SOON = auto()  # now; if its last outcome is unknown, when that call must have ended
    SOONER = auto()  # the same, unless it is due earlier
    PROPOSED = auto()  # as the event proposes
    RECHECK = auto()  # as the event proposes; never if it proposes nothing


class CounterEffect(Enum):
    """The effect on a count, of failed attempts or of worker crashes."""

    KEEP = auto()
    COUNT = auto()
    TAKE_BACK = auto()
    RESET = auto()


class UnknownEffect(Enum):
    """The effect on the mark that an earlier call may have taken effect."""

    KEEP = auto()
    ADD = auto()  # unknown if it was, or if the event says so
    SET = auto()
    CLEAR = auto()


class DependencyEffect(Enum):
    """The effect on the dependency."""

    KEEP = auto()
    SET = auto()
    CLEAR = auto()


class AlertDue(Enum):
    """The alert that is due: the job needs attention, or it is in order again after such an alert."""

    NOTHING = auto()
    TROUBLE = auto()
    RECOVERY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One cell of the table. If ``state`` is None, the job keeps its state."""

    state: JobState | None = None
    due: DueEffect = DueEffect.KEEP
    tries: CounterEffect = CounterEffect.KEEP
    crashes: CounterEffect = CounterEffect.KEEP
    unknown: UnknownEffect = UnknownEffect.KEEP
    dependency: DependencyEffect = DependencyEffect.KEEP
    alert: AlertDue = AlertDue.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event at the instant ``now`` (UTC). ``due_at`` is the next attempt, as backoff proposes.

    ``outcome_unknown`` means that the call may have taken effect, or that the other system may have the record.
    """

    event: JobEvent
    now: datetime
    due_at: datetime | None = None
    outcome_unknown: bool = False
    dependency: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
    """The state of a job, as in :class:`models.schema.tables.SyncJobRow`; ``attempted_at`` is the last attempt."""

    state: JobState
    due_at: datetime | None
    failed_attempts: int = 0
    worker_crashes: int = 0
    outcome_unknown: bool = False
    dependency: Record | None = None
    alerted: bool = False
    attempted_at: datetime | None = None
    unfinished_since: datetime | None = None


_QUEUED, _RUNNING, _WAITING, _RETRYING = JobState.QUEUED, JobState.RUNNING, JobState.WAITING, JobState.RETRYING
_DONE, _ATTENTION, _DISMISSED = JobState.DONE, JobState.NEEDS_ATTENTION, JobState.DISMISSED
_IDLE = (_QUEUED, _WAITING, _RETRYING)


def _each(states: Iterable[JobState], transition: Transition) -> dict[JobState, Transition]:
    return dict.fromkeys(states, transition)


_QUEUE_AGAIN = Transition(
    state=_QUEUED,
    due=DueEffect.SOON,
    tries=CounterEffect.RESET,
    crashes=CounterEffect.RESET,
    unknown=UnknownEffect.ADD,
    dependency=DependencyEffect.CLEAR,
)
_ADD_UNKNOWN = Transition(unknown=UnknownEffect.ADD)
_GIVE_UP = Transition(
    state=_ATTENTION,
    due=DueEffect.NEVER,
    crashes=CounterEffect.RESET,
    unknown=UnknownEffect.ADD,
    dependency=DependencyEffect.CLEAR,
    alert=AlertDue.TROUBLE,
)
_RETRY_LATER = Transition(
    state=_RETRYING,
    due=DueEffect.PROPOSED,
    crashes=CounterEffect.RESET,
    unknown=UnknownEffect.ADD,
    dependency=DependencyEffect.CLEAR,
)
_SET_UNKNOWN = Transition(unknown=UnknownEffect.SET)

NEW_JOB: Mapping[JobEvent, Transition] = dict.fromkeys(
    (JobEvent.RECEIVED, JobEvent.NEEDED, JobEvent.SENT_AGAIN),
    Transition(state=_QUEUED, due=DueEffect.SOON, unknown=UnknownEffect.ADD),
)
"""The effect on a record that has no job yet."""

TABLE: Mapping[JobEvent, Mapping[JobState, Transition]] = {
    # A burst of webhooks neither shortens a wait nor undoes a person's decision.
    JobEvent.RECEIVED: _each((_DONE, _ATTENTION), _QUEUE_AGAIN)
    | _each((*_IDLE, _RUNNING, _DISMISSED), _ADD_UNKNOWN),
    # A job that needs attention is not retried only because another one waits for it.
    JobEvent.NEEDED: {_DONE: _QUEUE_AGAIN} | _each((*_IDLE, _RUNNING, _ATTENTION, _DISMISSED), _ADD_UNKNOWN),
    JobEvent.LEASED: _each((*_IDLE, _DONE), Transition(state=_RUNNING, due=DueEffect.NEVER)),
    JobEvent.SYNCED: {
        _RUNNING: Transition(
            state=_DONE,
            due=DueEffect.RECHECK,
            tries=CounterEffect.RESET,
            crashes=CounterEffect.RESET,
            unknown=UnknownEffect.CLEAR,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.RECOVERY,
        )
    },
    # A skipped record was not verified: an unknown outcome stays unknown.
    JobEvent.SKIPPED: {
        _RUNNING: Transition(
            state=_DONE,
            due=DueEffect.RECHECK,
            tries=CounterEffect.RESET,
            crashes=CounterEffect.RESET,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.RECOVERY,
        )
    },
    JobEvent.DEPENDENCY_PENDING: {
        _RUNNING: replace(_RETRY_LATER, state=_WAITING, dependency=DependencyEffect.SET)
    },
    # It keeps its dependency, and continues if that is synced later.
    JobEvent.DEPENDENCY_ENDED: {_RUNNING: replace(_GIVE_UP, dependency=DependencyEffect.SET)},
    JobEvent.REJECTED: {_RUNNING: replace(_GIVE_UP, tries=CounterEffect.COUNT)},
    JobEvent.FAILED: {_RUNNING: replace(_RETRY_LATER, tries=CounterEffect.COUNT)},
    JobEvent.EXHAUSTED: {_RUNNING: replace(_GIVE_UP, tries=CounterEffect.COUNT)},
    JobEvent.PROBED: {_RUNNING: _RETRY_LATER},
    JobEvent.RATE_LIMITED: {_RUNNING: _RETRY_LATER},
    # Due at once, but the connection is paused.
    JobEvent.MISCONFIGURED: {_RUNNING: replace(_RETRY_LATER, state=_QUEUED)},
    # A job that was not tried keeps everything, including its dependency.
    JobEvent.UNTRIED: {_RUNNING: Transition(state=_QUEUED, due=DueEffect.PROPOSED)},
    JobEvent.LEASE_EXPIRED: {
        _RUNNING: Transition(
            state=_QUEUED, due=DueEffect.SOON, crashes=CounterEffect.COUNT, unknown=UnknownEffect.SET
        )
    },
    JobEvent.WORKER_RETURNED: _each((*_IDLE, _RUNNING), Transition(crashes=CounterEffect.TAKE_BACK)),
    # A waiting job has no call under way: its last attempt ended before there was one.
    JobEvent.DEPENDENCY_SYNCED: _each(
        (*_IDLE, _ATTENTION), Transition(state=_QUEUED, due=DueEffect.NOW, dependency=DependencyEffect.CLEAR)
    ),
    # It keeps its dependency, so that it does not wait for the same record again.
    JobEvent.DEPENDENCY_GONE: _each(_IDLE, Transition(state=_QUEUED, due=DueEffect.NOW)),
    JobEvent.RECOVERED: _each((_QUEUED, _RETRYING), Transition(due=DueEffect.SOONER)),
    # A lease in a backup has no worker. What happened after the backup is unknown.
    JobEvent.RESTORED: _each((*_IDLE, _ATTENTION, _DISMISSED), _SET_UNKNOWN)
    | {_RUNNING: Transition(state=_QUEUED, due=DueEffect.SOON, unknown=UnknownEffect.SET)},
    JobEvent.RETRIED: _each((*_IDLE, _DONE, _ATTENTION, _DISMISSED), _QUEUE_AGAIN),
    JobEvent.RULED_OUT: {_ATTENTION: replace(_QUEUE_AGAIN, due=DueEffect.NOW, unknown=UnknownEffect.CLEAR)},
    JobEvent.ANSWERED: {_ATTENTION: _QUEUE_AGAIN},
    JobEvent.ASKED_AGAIN: _each(
        (*_IDLE, _DONE, _ATTENTION),
        Transition(
            state=_ATTENTION,
            due=DueEffect.NEVER,
            tries=CounterEffect.RESET,
            crashes=CounterEffect.RESET,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.TROUBLE,
        ),
    ),
    JobEvent.SENT_AGAIN: _each(
        (*_IDLE, _DONE, _ATTENTION, _DISMISSED), replace(_QUEUE_AGAIN, unknown=UnknownEffect.SET)
    ),
    JobEvent.OVERDUE: _each((*_IDLE, _RUNNING), Transition(alert=AlertDue.TROUBLE)),
    JobEvent.DISMISSED: _each(
        (*_IDLE, _ATTENTION), Transition(state=_DISMISSED, due=DueEffect.NEVER, dependency=DependencyEffect.CLEAR)
    ),
    # A person may have entered the record manually meanwhile.
    JobEvent.REOPENED: {_DISMISSED: replace(_QUEUE_AGAIN, unknown=UnknownEffect.SET)},
    JobEvent.REOPENED_UNSOLVED: {
        _DISMISSED: Transition(
            state=_ATTENTION, due=DueEffect.NEVER, unknown=UnknownEffect.SET, alert=AlertDue.TROUBLE
        )
    },
}


def transition(event: JobEvent, state: JobState | None) -> Transition | None:
    """Return the effect of an event on a job in a state (None: there is no job yet); None if it has no effect."""
    return NEW_JOB.get(event) if state is None else TABLE[event].get(state)


def apply(snapshot: JobSnapshot | None, occurrence: Occurrence) -> JobSnapshot | None:
    """Return the state of a job after an event; unchanged if the table has no cell for it."""
    cell = transition(occurrence.event, snapshot.state if snapshot else None)
    if cell is None:
        return snapshot
    before = snapshot or JobSnapshot(state=JobState.QUEUED, due_at=None)
    unknown = {
        UnknownEffect.KEEP: before.outcome_unknown,
        UnknownEffect.ADD: before.outcome_unknown or occurrence.outcome_unknown,
        UnknownEffect.SET: True,
        UnknownEffect.CLEAR: False,
    }[cell.unknown]
    return JobSnapshot(
        state=cell.state or before.state,
        due_at=_due(cell.due, before, occurrence),
        failed_attempts=_count(cell.tries, before.failed_attempts),
        worker_crashes=_count(cell.crashes, before.worker_crashes),
        outcome_unknown=unknown,
        dependency={
            DependencyEffect.KEEP: before.dependency,
            DependencyEffect.SET: occurrence.dependency,
            DependencyEffect.CLEAR: None,
        }[cell.dependency],
        alerted={AlertDue.NOTHING: before.alerted, AlertDue.TROUBLE: True, AlertDue.RECOVERY: False}[cell.alert],
        attempted_at=before.attempted_at,
        unfinished_since=_unfinished_since(cell, snapshot, occurrence),
    )


def alert_due(before: JobSnapshot, event: JobEvent) -> AlertDue:
    """Return the alert that an event causes: a problem once, and its end only after that alert."""
    cell = transition(event, before.state)
    due = cell.alert if cell else AlertDue.NOTHING
    return due if before.alerted is (due is AlertDue.RECOVERY) else AlertDue.NOTHING


def _unfinished_since(cell: Transition, before: JobSnapshot | None, occurrence: Occurrence) -> datetime | None:
    if before and (cell.state is None or {cell.state, before.state} <= set(PENDING)):
        return before.unfinished_since
    return occurrence.now if cell.state in PENDING else None


def _count(effect: CounterEffect, before: int) -> int:
    changed = {
        CounterEffect.KEEP: before,
        CounterEffect.COUNT: before + 1,
        CounterEffect.TAKE_BACK: max(before - 1, 0),
        CounterEffect.RESET: 0,
    }
    return changed[effect]


def _due(due: DueEffect, before: JobSnapshot, occurrence: Occurrence) -> datetime | None:
    last_call = before.outcome_unknown and before.attempted_at
    soon = max(occurrence.now, last_call + VERIFICATION_DELAY) if last_call else occurrence.now
    return {
        DueEffect.KEEP: before.due_at,
        DueEffect.NEVER: None,
        DueEffect.NOW: occurrence.now,
        DueEffect.SOON: soon,
        DueEffect.SOONER: min(soon, before.due_at or soon),
        DueEffect.PROPOSED: occurrence.due_at or occurrence.now,
        DueEffect.RECHECK: occurrence.due_at,
    }[due]
