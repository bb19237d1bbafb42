"""The table of transitions: what holds for every job after any events in any order."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from models.enums import PENDING, EntityType, JobState, Record
from models.inbox.transitions import (
    NEW_JOB,
    VERIFICATION_DELAY,
    AlertDue,
    JobEvent,
    JobSnapshot,
    Occurrence,
    alert_due,
    apply,
)
from tests.factories import NOW

CUSTOMER = Record(EntityType.CUSTOMER, "1")
PROPOSED = NOW + timedelta(minutes=7)
QUEUED, RUNNING, WAITING, RETRYING = JobState.QUEUED, JobState.RUNNING, JobState.WAITING, JobState.RETRYING
DONE, NEEDS_ATTENTION, DISMISSED = JobState.DONE, JobState.NEEDS_ATTENTION, JobState.DISMISSED
ALL, AHEAD, IDLE = set(JobState), {QUEUED, WAITING, RETRYING}, {NEEDS_ATTENTION, DISMISSED}
IN_STEP = {JobEvent.SYNCED, JobEvent.SKIPPED}
ATTEMPTED = IN_STEP | {
    JobEvent.DEPENDENCY_PENDING,
    JobEvent.DEPENDENCY_ENDED,
    JobEvent.REJECTED,
    JobEvent.FAILED,
    JobEvent.EXHAUSTED,
    JobEvent.PROBED,
    JobEvent.RATE_LIMITED,
    JobEvent.MISCONFIGURED,
}
FROM_WORKERS = ATTEMPTED | {JobEvent.UNTRIED, JobEvent.LEASE_EXPIRED}
FROM_PEOPLE = {JobEvent.RETRIED, JobEvent.SENT_AGAIN, JobEvent.REOPENED, JobEvent.REOPENED_UNSOLVED}


def occurrences(event: JobEvent) -> Iterator[Occurrence]:
    """Return the ways in which an event may occur: with and without its data."""
    failed = event in {
        JobEvent.FAILED,
        JobEvent.PROBED,
        JobEvent.RATE_LIMITED,
        JobEvent.DEPENDENCY_PENDING,
        JobEvent.UNTRIED,
    }
    proposals = (PROPOSED,) if failed else (None, PROPOSED) if event in IN_STEP else (None,)
    dependency = CUSTOMER if event in {JobEvent.DEPENDENCY_PENDING, JobEvent.DEPENDENCY_ENDED} else None
    for due_at, unknown in product(proposals, (False, True)):
        yield Occurrence(event=event, now=NOW, due_at=due_at, outcome_unknown=unknown, dependency=dependency)


def walk() -> dict[JobSnapshot, list[tuple[Occurrence, JobSnapshot]]]:
    """Apply every event to every snapshot that a job can reach, with counts up to two."""
    seen: dict[JobSnapshot, list[tuple[Occurrence, JobSnapshot]]] = {}
    todo = deque(
        each for event in NEW_JOB for what in occurrences(event) if (each := apply(None, what)) is not None
    )
    while todo:
        before = todo.popleft()
        if before in seen:
            continue
        seen[before] = []
        for what in (each for event in JobEvent for each in occurrences(event)):
            after = apply(before, what)
            assert after
            if what.event in ATTEMPTED and before.state is RUNNING:
                after = replace(after, attempted_at=NOW)
            after = replace(
                after, failed_attempts=min(after.failed_attempts, 2), worker_crashes=min(after.worker_crashes, 2)
            )
            seen[before].append((what, after))
            todo.append(after)
    return seen


def edges() -> Iterator[tuple[JobSnapshot, Occurrence, JobSnapshot]]:
    for before, steps in walk().items():
        for what, after in steps:
            yield before, what, after


Rule = Callable[[JobSnapshot, Occurrence, JobSnapshot], bool]
"""Takes a step, from a snapshot by an event to another, and returns whether it obeys the rule."""

RULES: list[Rule] = []


def rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


def soon(before: JobSnapshot) -> datetime:
    """Return when a job may be tried at the earliest: at once, or when a call under way must have ended."""
    last_call = before.outcome_unknown and before.attempted_at
    return max(NOW, last_call + VERIFICATION_DELAY) if last_call else NOW


@rule
def a_job_has_a_due_time_unless_it_is_running_or_final(_: JobSnapshot, __: Occurrence, after: JobSnapshot) -> bool:
    return after.state is DONE or (after.due_at is None) is (after.state in IDLE | {RUNNING})


@rule
def only_a_sync_or_a_person_clears_an_unknown_outcome(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    return (
        after.outcome_unknown or not before.outcome_unknown or what.event in {JobEvent.SYNCED, JobEvent.RULED_OUT}
    )


@rule
def a_waiting_job_has_a_dependency(_: JobSnapshot, __: Occurrence, after: JobSnapshot) -> bool:
    return after.state is not WAITING or after.dependency is not None


@rule
def an_event_changes_only_jobs_in_the_states_that_it_concerns(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    concerned = {
        **{event: {RUNNING} for event in FROM_WORKERS},
        JobEvent.RECEIVED: ALL,
        JobEvent.NEEDED: ALL,
        JobEvent.LEASED: {*AHEAD, DONE},
        JobEvent.DEPENDENCY_SYNCED: {*AHEAD, NEEDS_ATTENTION},
        JobEvent.DEPENDENCY_GONE: AHEAD,
        JobEvent.RECOVERED: {QUEUED, RETRYING},
        JobEvent.RESTORED: ALL - {DONE},
        JobEvent.RETRIED: ALL - {RUNNING},
        JobEvent.SENT_AGAIN: ALL - {RUNNING},
        JobEvent.RULED_OUT: {NEEDS_ATTENTION},
        JobEvent.ANSWERED: {NEEDS_ATTENTION},
        JobEvent.ASKED_AGAIN: {*AHEAD, DONE, NEEDS_ATTENTION},
        JobEvent.DISMISSED: {*AHEAD, NEEDS_ATTENTION},
        JobEvent.REOPENED: {DISMISSED},
        JobEvent.REOPENED_UNSOLVED: {DISMISSED},
        JobEvent.OVERDUE: {*AHEAD, RUNNING},
        JobEvent.WORKER_RETURNED: {*AHEAD, RUNNING},
    }[what.event]
    return before.state in concerned or before == after


@rule
def a_received_record_is_queued_again_unless_its_job_is_pending(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    over = {JobEvent.RECEIVED: {DONE, NEEDS_ATTENTION}, JobEvent.NEEDED: {DONE}}
    if what.event not in over:
        return True
    unknown = before.outcome_unknown or what.outcome_unknown
    if before.state in over[what.event]:
        return after == queued_afresh(before, unknown=unknown)
    return after == replace(before, outcome_unknown=unknown)


@rule
def a_person_can_restart_any_job_that_is_not_running(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    unknown = before.outcome_unknown or what.outcome_unknown
    if before.state is RUNNING or what.event not in {
        JobEvent.RETRIED,
        JobEvent.SENT_AGAIN,
        JobEvent.RULED_OUT,
        JobEvent.ANSWERED,
        JobEvent.REOPENED,
    }:
        return True
    if (what.event, before.state) not in {
        *product((JobEvent.RETRIED, JobEvent.SENT_AGAIN), ALL),
        (JobEvent.RULED_OUT, NEEDS_ATTENTION),
        (JobEvent.ANSWERED, NEEDS_ATTENTION),
        (JobEvent.REOPENED, DISMISSED),
    }:
        return before == after
    by_hand = what.event in {JobEvent.SENT_AGAIN, JobEvent.REOPENED}  # a person may have done it
    looked_for = what.event is JobEvent.RULED_OUT
    fresh = queued_afresh(before, unknown=(unknown or by_hand) and not looked_for)
    return after == (replace(fresh, due_at=NOW) if looked_for else fresh)


@rule
def a_job_reopened_unsolved_needs_attention(before: JobSnapshot, what: Occurrence, after: JobSnapshot) -> bool:
    if what.event is not JobEvent.REOPENED_UNSOLVED or before.state is not DISMISSED:
        return True
    return after == replace(before, state=NEEDS_ATTENTION, due_at=None, outcome_unknown=True, alerted=True)


@rule
def a_job_whose_question_is_asked_again_needs_attention(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    if what.event is not JobEvent.ASKED_AGAIN or before.state in {RUNNING, DISMISSED}:
        return True
    return after == JobSnapshot(
        state=NEEDS_ATTENTION,
        due_at=None,
        outcome_unknown=before.outcome_unknown,
        alerted=True,
        attempted_at=before.attempted_at,
    )


@rule
def a_job_stays_dismissed_until_a_person_reopens_it(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    if what.event is JobEvent.DISMISSED and before.state in {*AHEAD, NEEDS_ATTENTION}:
        return after == replace(before, state=DISMISSED, due_at=None, dependency=None, unfinished_since=None)
    return before.state is not DISMISSED or after.state is DISMISSED or what.event in FROM_PEOPLE


@rule
def a_job_runs_from_its_lease_to_the_end_of_the_lease(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    if what.event is JobEvent.LEASED and before.state in {*AHEAD, DONE}:
        since = NOW if before.state is DONE else before.unfinished_since
        return after == replace(before, state=RUNNING, due_at=None, unfinished_since=since)
    if before.state is not RUNNING:
        return after.state is not RUNNING
    due_at, crashes = soon(before), min(before.worker_crashes + 1, 2)
    back = replace(before, state=QUEUED, due_at=due_at, outcome_unknown=True)
    if what.event is JobEvent.LEASE_EXPIRED:
        return after == replace(back, worker_crashes=crashes)
    if what.event is JobEvent.RESTORED:
        return after == back
    return after.state is not RUNNING if what.event in FROM_WORKERS else after.state is RUNNING


@rule
def a_worker_that_returns_takes_back_one_crash(before: JobSnapshot, what: Occurrence, after: JobSnapshot) -> bool:
    if what.event is not JobEvent.WORKER_RETURNED or before.state not in {*AHEAD, RUNNING}:
        return True
    return after == replace(before, worker_crashes=max(before.worker_crashes - 1, 0))


@rule
def a_job_that_was_not_tried_keeps_everything(before: JobSnapshot, what: Occurrence, after: JobSnapshot) -> bool:
    if what.event is not JobEvent.UNTRIED or before.state is not RUNNING:
        return True
    return after == replace(before, state=QUEUED, due_at=PROPOSED)


@rule
def an_attempt_ends_in_the_state_of_its_event(before: JobSnapshot, what: Occurrence, after: JobSnapshot) -> bool:
    if what.event not in ATTEMPTED or before.state is not RUNNING:
        return True
    counted = what.event in {JobEvent.FAILED, JobEvent.EXHAUSTED, JobEvent.REJECTED}
    well = what.event in IN_STEP
    ends = {
        JobEvent.SYNCED: (DONE, what.due_at),
        JobEvent.SKIPPED: (DONE, what.due_at),
        JobEvent.DEPENDENCY_PENDING: (WAITING, PROPOSED),
        JobEvent.DEPENDENCY_ENDED: (NEEDS_ATTENTION, None),
        JobEvent.REJECTED: (NEEDS_ATTENTION, None),
        JobEvent.FAILED: (RETRYING, PROPOSED),
        JobEvent.EXHAUSTED: (NEEDS_ATTENTION, None),
        JobEvent.PROBED: (RETRYING, PROPOSED),
        JobEvent.RATE_LIMITED: (RETRYING, PROPOSED),
        JobEvent.MISCONFIGURED: (QUEUED, NOW),
    }
    state, due_at = ends[what.event]
    unknown = before.outcome_unknown or (what.outcome_unknown and not well)
    return after == JobSnapshot(
        state=state,
        due_at=due_at,
        failed_attempts=0 if well else min(before.failed_attempts + counted, 2),
        worker_crashes=0,
        outcome_unknown=unknown and what.event is not JobEvent.SYNCED,
        dependency=what.dependency,
        alerted=not well and (before.alerted or state is NEEDS_ATTENTION),
        attempted_at=NOW,
        unfinished_since=before.unfinished_since if state in PENDING else None,
    )


@rule
def the_end_of_a_dependency_queues_the_jobs_that_wait_for_it(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    moved = replace(before, state=QUEUED, due_at=NOW)
    if what.event is JobEvent.DEPENDENCY_SYNCED and before.state in {*AHEAD, NEEDS_ATTENTION}:
        since = NOW if before.state is NEEDS_ATTENTION else before.unfinished_since
        return after == replace(moved, dependency=None, unfinished_since=since)
    if what.event is JobEvent.DEPENDENCY_GONE and before.state in AHEAD:
        return after == moved
    return True


@rule
def a_recovery_or_restore_delays_no_job(before: JobSnapshot, what: Occurrence, after: JobSnapshot) -> bool:
    if what.event is JobEvent.RECOVERED and before.state in {QUEUED, RETRYING}:
        assert before.due_at
        earliest = soon(before)
        return after == replace(before, due_at=min(before.due_at, earliest))
    if what.event is JobEvent.RESTORED and before.state not in {RUNNING, DONE}:
        return after == replace(before, outcome_unknown=True)
    return True


@rule
def an_alert_is_sent_once_and_its_end_only_after_it(
    before: JobSnapshot, what: Occurrence, after: JobSnapshot
) -> bool:
    told = alert_due(before, what.event)
    if after.state is NEEDS_ATTENTION and before.state is not NEEDS_ATTENTION:
        return after.alerted and told is (AlertDue.NOTHING if before.alerted else AlertDue.TROUBLE)
    if what.event is JobEvent.OVERDUE and before.state in PENDING:
        return after == replace(before, alerted=True) and told is (
            AlertDue.NOTHING if before.alerted else AlertDue.TROUBLE
        )
    if what.event in IN_STEP and before.state is RUNNING:
        return not after.alerted and told is (AlertDue.RECOVERY if before.alerted else AlertDue.NOTHING)
    return told is AlertDue.NOTHING and after.alerted is before.alerted


@rule
def a_job_is_unfinished_since_it_last_became_pending(
    before: JobSnapshot, _: Occurrence, after: JobSnapshot
) -> bool:
    since = before.unfinished_since if before.state in PENDING else NOW
    return after.unfinished_since == (since if after.state in PENDING else None)


def queued_afresh(before: JobSnapshot, *, unknown: bool) -> JobSnapshot:
    return JobSnapshot(
        unfinished_since=before.unfinished_since if before.state in PENDING else NOW,
        state=QUEUED,
        due_at=soon(before),
        outcome_unknown=unknown,
        alerted=before.alerted,
        attempted_at=before.attempted_at,
    )


def find_broken_rule() -> str:
    """Return the first step in the walk that breaks a rule, "" if none does."""
    for before, what, after in edges():
        for check in RULES:
            if not check(before, what, after):
                return f"{check.__name__}: {before} {what} {after}"
    return ""


def find_dead_end() -> JobSnapshot | None:
    """Return a snapshot that no worker can leave and in which a person has nothing to do; None if there is none."""
    for before in walk():
        step = apply(before, Occurrence(event=JobEvent.LEASED, now=NOW)) if before.due_at else before
        stuck = before.state not in IDLE | {DONE} and (not step or step.state is not RUNNING)
        if stuck:
            return before
    return None


def test_every_transition_obeys_every_rule() -> None:
    assert find_broken_rule() == ""


def test_no_job_gets_stuck() -> None:
    assert find_dead_end() is None


def test_the_walk_reaches_every_state_with_and_without_alert_and_unknown_outcome() -> None:
    met = {(each.state, each.outcome_unknown, each.alerted) for each in walk()}
    told = {NEEDS_ATTENTION: {True}, DONE: {False}}
    assert met == {
        (state, unknown, alerted)
        for state, unknown, alerted in product(JobState, (False, True), (False, True))
        if alerted in told.get(state, {False, True})
    }
