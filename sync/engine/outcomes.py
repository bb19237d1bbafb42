"""What an attempt ends in, and what follows from it: written down, tried again, or shown to a person."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from i18n.messages import msg
from models.enums import JobState, Outcome
from models.inbox.leases import CRASHED, AttemptResult, SyncJob
from sync.engine.alerts import job_alert
from sync.engine.backoff import delay, policy_of
from sync.engine.call_log import RemoteCall
from sync.errors import (
    DependencyEndedError,
    DependencyPendingError,
    MisconfiguredError,
    RateLimitedError,
    RejectedError,
    SyncError,
)

DEPENDENCY_TIMEOUT = timedelta(minutes=10)
"""How long a change waits for another record before it looks for itself, should it not be woken."""


@dataclass(frozen=True, slots=True)
class Success:
    """A good end: the record is in step, or rightly left alone for a ``error_code`` that ``message`` tells.

    ``recheck_after`` is given where something is still to come of which nobody will tell.
    """

    outcome: Outcome
    title: str = ""
    message: str = ""
    error_code: str = ""
    recheck_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended, what was said to the remote systems in its course, and how long it took.

    ``search_aliases`` are the names of others that the record is found by too.
    ``answer`` is a :class:`Success`, an exception, or between preparing and sending the flow's own work.
    """

    answer: Any
    calls: tuple[RemoteCall, ...] = ()
    seconds: float = 0
    search_aliases: tuple[str, ...] = ()


def skipped(message: str, *, error_code: str, title: str = "") -> Success:
    """Leave a record alone, and say why, also in short; no error."""
    return Success(Outcome.SKIPPED, title, message, error_code)


UNCHANGED = Success(Outcome.UNCHANGED)


def attempt_result(
    job: SyncJob,
    attempt: Attempt,
    *,
    now: datetime,
    random: Callable[[], float],
    recipients: tuple[str, ...],
) -> AttemptResult:
    """Decide what becomes of a change after an attempt.

    Args:
        job: the change as it was claimed.
        attempt: how the attempt ended; an exception that is no :class:`SyncError` is a bug of ours.
        now: the instant of the decision, in UTC.
        random: gives a number from 0 up to 1, for the jitter of the waits.
        recipients: who hears of a turn.
    """
    answer = attempt.answer
    if isinstance(answer, Success):
        result = _success_result(job, answer, now=now)
    elif isinstance(answer, DependencyEndedError):
        ended = _error_result(job, answer, now=now)
        result = replace(
            ended,
            state=JobState.NEEDS_ATTENTION,
            failed_attempts=job.failed_attempts,
            dependency=answer.dependency,
        )
    elif isinstance(answer, RejectedError):
        result = replace(_error_result(job, answer, now=now), state=JobState.NEEDS_ATTENTION)
    elif isinstance(answer, DependencyPendingError):
        waiting = _error_result(job, answer, now=now + DEPENDENCY_TIMEOUT)
        result = replace(waiting, failed_attempts=job.failed_attempts, dependency=answer.dependency)
    elif isinstance(answer, RateLimitedError):
        result = replace(_retry_result(job, answer, now=now, random=random), failed_attempts=job.failed_attempts)
    elif isinstance(answer, MisconfiguredError):
        result = replace(_error_result(job, answer, now=now), failed_attempts=job.failed_attempts)
    else:
        result = _retry_result(job, answer, now=now, random=random)
    told = replace(result, calls=attempt.calls, seconds=attempt.seconds, search_aliases=attempt.search_aliases)
    return _with_alert(job, told, recipients)


def next_chance(error: SyncError, *, now: datetime, random: Callable[[], float]) -> datetime:
    """Tell when those are due that an error at another record has kept from being tried: as after a first failure.

    How often that other record has failed before says nothing of them.
    """
    if isinstance(error, MisconfiguredError):
        return now  # the connection pauses
    return now + delay(policy_of(error), 0, random=random, error=error)


def postponed(job: SyncJob, *, until: datetime) -> AttemptResult:
    """Give a change back that was not attempted."""
    return AttemptResult(
        job.id,
        JobState.QUEUED,
        due_at=until,
        failed_attempts=job.failed_attempts,
        outcome_unknown=job.outcome_unknown,
        alerted=job.alerted,
        dependency=job.dependency,
    )


def _success_result(job: SyncJob, success: Success, *, now: datetime) -> AttemptResult:
    state, wait = (
        (JobState.QUEUED, success.recheck_after) if success.recheck_after else (JobState.DONE, timedelta())
    )
    return AttemptResult(
        job.id,
        state,
        due_at=now + wait,
        outcome_unknown=job.outcome_unknown
        and success.outcome is Outcome.SKIPPED,  # a lost call was not looked for
        outcome=success.outcome,
        title=success.title,
        error_code=success.error_code,
        message=success.message,
    )


def _error_result(job: SyncJob, error: SyncError, *, now: datetime) -> AttemptResult:
    return AttemptResult(
        job.id,
        JobState.QUEUED,
        due_at=now,
        failed_attempts=job.failed_attempts + 1,
        outcome_unknown=job.outcome_unknown or error.outcome_unknown,
        outcome=Outcome.FAILED,
        title=error.title,
        error_code=error.error_code,
        message=error.message,
        remedy=error.remedy,
    )


def _retry_result(job: SyncJob, error: Exception, *, now: datetime, random: Callable[[], float]) -> AttemptResult:
    """Try again after a while, as long as the policy of this error allows."""
    known = error if isinstance(error, SyncError) else _crash_error(error)
    policy = policy_of(error)
    result = _error_result(job, known, now=now + delay(policy, job.failed_attempts, random=random, error=error))
    result = replace(result, outcome_unknown=result.outcome_unknown or known is not error)
    return (
        replace(result, state=JobState.NEEDS_ATTENTION)
        if result.failed_attempts >= policy.max_attempts
        else result
    )


def _crash_error(error: Exception) -> SyncError:
    return SyncError(
        msg("The bridge itself failed on this record ({error}).", error=type(error).__name__),
        error_code=CRASHED,
        remedy=msg("Please pass this on to whoever runs the bridge; the log says more."),
    )


def _with_alert(job: SyncJob, result: AttemptResult, recipients: tuple[str, ...]) -> AttemptResult:
    alert = job_alert(job, result, recipients)
    alerted = result.state is JobState.NEEDS_ATTENTION or (job.alerted and not result.is_success)
    return replace(result, alert=alert, alerted=alerted)
