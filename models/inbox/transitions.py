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
"""How long after an attempt an unknown outcome is verified: its call may still be running.

With the time-out of a minute, it is longer than 24SevenOffice lets a call run (assumption S25).
"""


class Event(StrEnum):
    """What happens to a job: first what creates or reopens it, then what workers do, last what people do."""

    RECEIVED = "received"  # the record changed, or a poll found it
    NEEDED = "needed"  # another record waits for it
    LEASED = "leased"
    SYNCED = "synced"  # or found unchanged: it is in sync
    SKIPPED = "skipped"
    DEPENDENCY_PENDING = "dependency_pending"
    DEPENDENCY_ENDED = "dependency_ended"  # it will never be synced
    REJECTED = "rejected"
    FAILED = "failed"
    EXHAUSTED = "exhausted"  # it failed as often as it may
    PROBED = "probed"  # it met the outage that it was to probe; the job is not at fault
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
    RULED_OUT = "ruled_out"  # retried by a person who looked: the last call took no effect
    ANSWERED = "answered"  # which record of the other system it is
    ASKED_AGAIN = "asked_again"  # that answer was undone
    SENT_AGAIN = "sent_again"  # by the reconciliation
    OVERDUE = "overdue"  # it has been unfinished for too long, whatever the reason
    DISMISSED = "dismissed"
    REOPENED = "reopened"
    REOPENED_UNSOLVED = "reopened_unsolved"  # what had needed attention: a person has to retry it


class Due(Enum):
    """When the job is tried next."""

    KEEP = auto()
    NEVER = auto()
    NOW = auto()
    SOON = auto()  # now; if its last outcome is unknown, when that call must have ended
    SOONER = auto()  # the same, unless it is due earlier
    PROPOSED = auto()  # as the event proposes
    RECHECK = auto()  # as the event proposes; never if it proposes nothing


class Tries(Enum):
    """The effect on a count, of failed attempts or of worker crashes."""

    KEEP = auto()
    COUNT = auto()
    TAKE_BACK = auto()
    RESET = auto()


class Unknown(Enum):
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
    """The alert that is due: that the job needs attention, or that it is resolved after such an alert."""

    NOTHING = auto()
    TROUBLE = auto()
    RECOVERY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One cell of the table. If ``state`` is None, the job keeps its state."""

    state: JobState | None = None
    due: Due = Due.KEEP
    tries: Tries = Tries.KEEP
    crashes: Tries = Tries.KEEP
    unknown: Unknown = Unknown.KEEP
    dependency: DependencyEffect = DependencyEffect.KEEP
    alert: AlertDue = AlertDue.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event with its data.

    Args:
        event: what happened.
        now: when, in UTC.
        due_at: the next attempt, as backoff proposes.
        outcome_unknown: the call may have taken effect, or the other system may have the record already.
        dependency: the record that must be synced first.
    """

    event: Event
    now: datetime
    due_at: datetime | None = None
    outcome_unknown: bool = False
    dependency: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of a job. ``due_at`` is None while it is not to be tried, ``attempted_at`` is the last attempt.

    ``unfinished_since`` is when it last became pending, None if it is finished.
    """

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
_AHEAD = (_QUEUED, _WAITING, _RETRYING)


def _each(states: Iterable[JobState], transition: Transition) -> dict[JobState, Transition]:
    return dict.fromkeys(states, transition)


_AFRESH = Transition(
    state=_QUEUED,
    due=Due.SOON,
    tries=Tries.RESET,
    crashes=Tries.RESET,
    unknown=Unknown.ADD,
    dependency=DependencyEffect.CLEAR,
)
_NOTED = Transition(unknown=Unknown.ADD)
_TROUBLED = Transition(
    state=_ATTENTION,
    due=Due.NEVER,
    crashes=Tries.RESET,
    unknown=Unknown.ADD,
    dependency=DependencyEffect.CLEAR,
    alert=AlertDue.TROUBLE,
)
_PUT_BACK = Transition(
    state=_RETRYING, due=Due.PROPOSED, crashes=Tries.RESET, unknown=Unknown.ADD, dependency=DependencyEffect.CLEAR
)
_UNCERTAIN = Transition(unknown=Unknown.SET)

NEW: Mapping[Event, Transition] = dict.fromkeys(
    (Event.RECEIVED, Event.NEEDED, Event.SENT_AGAIN),
    Transition(state=_QUEUED, due=Due.SOON, unknown=Unknown.ADD),
)
"""The effect on a record that has no job yet."""

TABLE: Mapping[Event, Mapping[JobState, Transition]] = {
    # A storm of webhooks neither shortens a wait nor undoes a person's decision.
    Event.RECEIVED: _each((_DONE, _ATTENTION), _AFRESH) | _each((*_AHEAD, _RUNNING, _DISMISSED), _NOTED),
    # A job that needs attention is not retried because another record waits for it.
    Event.NEEDED: {_DONE: _AFRESH} | _each((*_AHEAD, _RUNNING, _ATTENTION, _DISMISSED), _NOTED),
    Event.LEASED: _each((*_AHEAD, _DONE), Transition(state=_RUNNING, due=Due.NEVER)),
    Event.SYNCED: {
        _RUNNING: Transition(
            state=_DONE,
            due=Due.RECHECK,
            tries=Tries.RESET,
            crashes=Tries.RESET,
            unknown=Unknown.CLEAR,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.RECOVERY,
        )
    },
    # A record that is skipped was not looked for: an unknown outcome stays unknown.
    Event.SKIPPED: {
        _RUNNING: Transition(
            state=_DONE,
            due=Due.RECHECK,
            tries=Tries.RESET,
            crashes=Tries.RESET,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.RECOVERY,
        )
    },
    Event.DEPENDENCY_PENDING: {_RUNNING: replace(_PUT_BACK, state=_WAITING, dependency=DependencyEffect.SET)},
    # It keeps its dependency, and continues if that is synced after all.
    Event.DEPENDENCY_ENDED: {_RUNNING: replace(_TROUBLED, dependency=DependencyEffect.SET)},
    Event.REJECTED: {_RUNNING: replace(_TROUBLED, tries=Tries.COUNT)},
    Event.FAILED: {_RUNNING: replace(_PUT_BACK, tries=Tries.COUNT)},
    Event.EXHAUSTED: {_RUNNING: replace(_TROUBLED, tries=Tries.COUNT)},
    Event.PROBED: {_RUNNING: _PUT_BACK},
    Event.RATE_LIMITED: {_RUNNING: _PUT_BACK},
    Event.MISCONFIGURED: {_RUNNING: replace(_PUT_BACK, state=_QUEUED)},  # due at once; the connection is paused
    # A job that was not tried keeps everything, including its dependency.
    Event.UNTRIED: {_RUNNING: Transition(state=_QUEUED, due=Due.PROPOSED)},
    Event.LEASE_EXPIRED: {
        _RUNNING: Transition(state=_QUEUED, due=Due.SOON, crashes=Tries.COUNT, unknown=Unknown.SET)
    },
    Event.WORKER_RETURNED: _each((*_AHEAD, _RUNNING), Transition(crashes=Tries.TAKE_BACK)),
    # A waiting job has no call under way: its last attempt ended before there was one.
    Event.DEPENDENCY_SYNCED: _each(
        (*_AHEAD, _ATTENTION), Transition(state=_QUEUED, due=Due.NOW, dependency=DependencyEffect.CLEAR)
    ),
    # It keeps its dependency, so that it does not wait for it again.
    Event.DEPENDENCY_GONE: _each(_AHEAD, Transition(state=_QUEUED, due=Due.NOW)),
    Event.RECOVERED: _each((_QUEUED, _RETRYING), Transition(due=Due.SOONER)),
    # A lease in a backup has no worker. What was done since the backup is unknown.
    Event.RESTORED: _each((*_AHEAD, _ATTENTION, _DISMISSED), _UNCERTAIN)
    | {_RUNNING: Transition(state=_QUEUED, due=Due.SOON, unknown=Unknown.SET)},
    Event.RETRIED: _each((*_AHEAD, _DONE, _ATTENTION, _DISMISSED), _AFRESH),
    Event.RULED_OUT: {_ATTENTION: replace(_AFRESH, due=Due.NOW, unknown=Unknown.CLEAR)},
    Event.ANSWERED: {_ATTENTION: _AFRESH},
    Event.ASKED_AGAIN: _each(
        (*_AHEAD, _DONE, _ATTENTION),
        Transition(
            state=_ATTENTION,
            due=Due.NEVER,
            tries=Tries.RESET,
            crashes=Tries.RESET,
            dependency=DependencyEffect.CLEAR,
            alert=AlertDue.TROUBLE,
        ),
    ),
    Event.SENT_AGAIN: _each((*_AHEAD, _DONE, _ATTENTION, _DISMISSED), replace(_AFRESH, unknown=Unknown.SET)),
    Event.OVERDUE: _each((*_AHEAD, _RUNNING), Transition(alert=AlertDue.TROUBLE)),
    Event.DISMISSED: _each(
        (*_AHEAD, _ATTENTION), Transition(state=_DISMISSED, due=Due.NEVER, dependency=DependencyEffect.CLEAR)
    ),
    # A person may have entered the record by hand meanwhile.
    Event.REOPENED: {_DISMISSED: replace(_AFRESH, unknown=Unknown.SET)},
    Event.REOPENED_UNSOLVED: {
        _DISMISSED: Transition(state=_ATTENTION, due=Due.NEVER, unknown=Unknown.SET, alert=AlertDue.TROUBLE)
    },
}


def transition(event: Event, state: JobState | None) -> Transition | None:
    """Return the effect of an event on a job in a state, or on a record without one (None); None for no effect."""
    return NEW.get(event) if state is None else TABLE[event].get(state)


def apply(standing: Standing | None, what: Occurrence) -> Standing | None:
    """Return the state of a job after an event; unchanged if the table has no cell for it."""
    cell = transition(what.event, standing.state if standing else None)
    if cell is None:
        return standing
    before = standing or Standing(state=JobState.QUEUED, due_at=None)
    unknown = {
        Unknown.KEEP: before.outcome_unknown,
        Unknown.ADD: before.outcome_unknown or what.outcome_unknown,
        Unknown.SET: True,
        Unknown.CLEAR: False,
    }[cell.unknown]
    return Standing(
        state=cell.state or before.state,
        due_at=_due(cell.due, before, what),
        failed_attempts=_count(cell.tries, before.failed_attempts),
        worker_crashes=_count(cell.crashes, before.worker_crashes),
        outcome_unknown=unknown,
        dependency={
            DependencyEffect.KEEP: before.dependency,
            DependencyEffect.SET: what.dependency,
            DependencyEffect.CLEAR: None,
        }[cell.dependency],
        alerted={AlertDue.NOTHING: before.alerted, AlertDue.TROUBLE: True, AlertDue.RECOVERY: False}[cell.alert],
        attempted_at=before.attempted_at,
        unfinished_since=_unfinished_since(cell, standing, what),
    )


def alert_due(before: Standing, event: Event) -> AlertDue:
    """Return the alert that an event causes: a problem once, and its end only after that alert."""
    cell = transition(event, before.state)
    due = cell.alert if cell else AlertDue.NOTHING
    return due if before.alerted is (due is AlertDue.RECOVERY) else AlertDue.NOTHING


def _unfinished_since(cell: Transition, before: Standing | None, what: Occurrence) -> datetime | None:
    if before and (cell.state is None or {cell.state, before.state} <= set(PENDING)):
        return before.unfinished_since
    return what.now if cell.state in PENDING else None


def _count(tries: Tries, before: int) -> int:
    changed = {Tries.KEEP: before, Tries.COUNT: before + 1, Tries.TAKE_BACK: max(before - 1, 0), Tries.RESET: 0}
    return changed[tries]


def _due(due: Due, before: Standing, what: Occurrence) -> datetime | None:
    at_work = before.outcome_unknown and before.attempted_at
    soon = max(what.now, at_work + VERIFICATION_DELAY) if at_work else what.now
    return {
        Due.KEEP: before.due_at,
        Due.NEVER: None,
        Due.NOW: what.now,
        Due.SOON: soon,
        Due.SOONER: min(soon, before.due_at or soon),
        Due.PROPOSED: what.due_at or what.now,
        Due.RECHECK: what.due_at,
    }[due]
