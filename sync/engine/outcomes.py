"""The result of an attempt: the job is done, retried, waiting, or in need of attention."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType
from models.database import Database
from models.enums import JobState, Outcome, Record
from models.inbox import dependencies, leases
from models.inbox.circuit_breaker import ConnectionProblem, ProblemType
from models.inbox.dependencies import Dependency, Wait
from models.inbox.leases import AttemptResult, Lease, SyncJob
from models.inbox.transitions import AlertDue, JobEvent, JobSnapshot, alert_due
from models.schema.record_summary import RecordSummary
from sync.engine.backoff import DEPENDENCY_TIMEOUT, MAX_FAILURES_ALONE, delay, policy_of
from sync.engine.call_log import RemoteCall
from sync.error_codes import ERROR_CODES
from sync.error_codes.names import DEPENDENCY_DISMISSED, DEPENDENCY_GONE, FAILS_ALONE
from sync.errors import (
    BrokenOffError,
    DependencyEndedError,
    DependencyPendingError,
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    SyncError,
    UnavailableError,
)


@dataclass(frozen=True, slots=True)
class Success:
    """A success: the record is in sync, or skipped for an ``error_code`` that ``message`` explains.

    ``warnings`` say what did not stop the sync but should be looked at, such as a text that was cut; None keeps
    the earlier ones, because nothing was sent. ``recheck_after`` is set if something is expected without a
    webhook.
    """

    outcome: Outcome
    title: str = ""
    message: str = ""
    error_code: str = ""
    warnings: tuple[str, ...] | None = ()
    recheck_after: timedelta | None = None


UNCHANGED = Success(Outcome.UNCHANGED, warnings=None)


def skipped(message: str, *, error_code: str, title: str = "") -> Success:
    """Return a success that skips the record, with the reason as a sentence and as an error code."""
    return Success(outcome=Outcome.SKIPPED, title=title, message=message, error_code=error_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The remote calls of an attempt, its duration, names by which it is found, and the record's summary."""

    calls: tuple[RemoteCall, ...]
    seconds: float
    search_aliases: tuple[str, ...]
    summary: RecordSummary | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt at a job, with what the flow returned or raised; an unexpected error is a ``CrashError``."""

    result: Success | SyncError
    trace: Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAttempted:
    """A job that was not tried, because the attempt at another showed that their connection does not work."""

    because: SyncError


def attempt_results(
    database: Database,
    lease: Lease,
    attempts: Mapping[int, Attempt | NotAttempted],
    *,
    now: datetime,
    random: Callable[[], float],
    recipients: tuple[str, ...],
) -> list[AttemptResult]:
    """Decide the results of a lease's jobs, and enqueue the records that they wait for."""
    ended: dict[int, SyncError] = {
        **_ended_dependencies(database, lease, attempts, now=now),
        **_failing_alone(database, lease, attempts),
    }
    next_try: dict[SyncError, datetime] = {}  # jobs not tried because of the same error stay together
    results = []
    for job in lease.jobs:
        attempt = attempts[job.id]
        if isinstance(attempt, NotAttempted):
            if attempt.because not in next_try:
                next_try[attempt.because] = _next_try(attempt.because, now=now, random=random)
            due_at = next_try[attempt.because]
            results.append(AttemptResult(job_id=job.id, event=JobEvent.UNTRIED, due_at=due_at))
        else:
            attempt = replace(attempt, result=ended.get(job.id, attempt.result))
            probing = lease.probe_until is not None
            result = _attempt_result(job, attempt, probing=probing, now=now, random=random)
            results.append(_with_alert(job, result, recipients))
    return results


def connection_problem(error: SyncError) -> ConnectionProblem | None:
    """Return the problem of the whole connection that an error shows; None if the error is about its record."""
    alert_type: ProblemType
    match error:
        case MisconfiguredError():
            alert_type, remedy = AlertType.PAUSED, error.remedy
        case RateLimitedError():
            alert_type, remedy = AlertType.RATE_LIMITED, ERROR_CODES[error.error_code].remedy
        case UnavailableError() | OutcomeUnknownError(no_response=True):
            alert_type, remedy = AlertType.OUTAGE, error.remedy
        case _:
            return None
    return ConnectionProblem(
        alert_type=alert_type,
        message=error.message,
        remedy=remedy,
        error_code=error.error_code,
        retry_after=error.retry_after,
        held_back=isinstance(error, HeldBackError),
    )


def _attempt_result(
    job: SyncJob, attempt: Attempt, *, probing: bool, now: datetime, random: Callable[[], float]
) -> AttemptResult:
    trace = attempt.trace
    if isinstance(attempt.result, Success):
        result = _success_result(job, attempt.result, now=now)
    else:
        result = _error_result(job, attempt.result, probing=probing, now=now, random=random)
    return replace(
        result,
        calls=trace.calls,
        seconds=trace.seconds,
        search_aliases=trace.search_aliases,
        summary=trace.summary,
    )


def _success_result(job: SyncJob, success: Success, *, now: datetime) -> AttemptResult:
    return AttemptResult(
        job_id=job.id,
        event=JobEvent.SKIPPED if success.outcome is Outcome.SKIPPED else JobEvent.SYNCED,
        due_at=now + success.recheck_after if success.recheck_after else None,
        outcome=success.outcome,
        title=success.title,
        error_code=success.error_code,
        message=success.message,
        warnings=success.warnings,
    )


def _error_result(
    job: SyncJob, error: SyncError, *, probing: bool, now: datetime, random: Callable[[], float]
) -> AttemptResult:
    event, wait, dependency = _event_of(job, error, probing=probing, random=random)
    return AttemptResult(
        job_id=job.id,
        event=event,
        due_at=None if wait is None else now + wait,
        outcome_unknown=error.outcome_unknown,
        outcome=Outcome.FAILED,
        title=error.title,
        error_code=error.error_code,
        message=error.message,
        remedy=error.remedy,
        dependency=dependency,
        problem=connection_problem(error),
    )


def _event_of(
    job: SyncJob, error: SyncError, *, probing: bool, random: Callable[[], float]
) -> tuple[JobEvent, timedelta | None, Record | None]:
    """Return the event of an error, how long the job then waits, and for which record."""
    match error:
        case DependencyEndedError():
            return JobEvent.DEPENDENCY_ENDED, None, error.dependency
        case RejectedError():
            return JobEvent.REJECTED, None, None
        case DependencyPendingError():
            return JobEvent.DEPENDENCY_PENDING, DEPENDENCY_TIMEOUT, error.dependency
        case MisconfiguredError():
            return JobEvent.MISCONFIGURED, None, None
        case _:
            event = _failure_event(job, error, probing=probing)
            wait = None if event is JobEvent.EXHAUSTED else delay(error, job.failed_attempts, random=random)
            return event, wait, None


def _failure_event(job: SyncJob, error: SyncError, *, probing: bool) -> JobEvent:
    if isinstance(error, RateLimitedError):
        return JobEvent.RATE_LIMITED
    if isinstance(error, HeldBackError) or (probing and _is_outage(error)):
        return JobEvent.PROBED
    return JobEvent.EXHAUSTED if job.failed_attempts + 1 >= policy_of(error).max_attempts else JobEvent.FAILED


def _next_try(error: SyncError, *, now: datetime, random: Callable[[], float]) -> datetime:
    """Return when jobs are due that another record's error stopped: as after a first failure."""
    if isinstance(error, MisconfiguredError | BrokenOffError):
        return now  # the connection pauses, or PostgreSQL is back
    return now + delay(error, 0, random=random)


def _with_alert(job: SyncJob, result: AttemptResult, recipients: tuple[str, ...]) -> AttemptResult:
    """Add the alert of a result; a success has one only if an alert about a problem was sent before."""
    snapshot = JobSnapshot(state=JobState.RUNNING, due_at=None, alerted=job.alerted or result.is_success)
    due, title = alert_due(snapshot, result.event), result.title or job.title or job.record.name
    if result.state is JobState.NEEDS_ATTENTION and not job.needed_attention:
        due = AlertDue.TROUBLE  # even after the alert that the job is overdue, which is less serious
    if due is AlertDue.NOTHING:
        return result
    if due is AlertDue.TROUBLE:
        alert = Alert(
            type=AlertType.NEEDS_ATTENTION,
            title=title,
            message=result.message,
            remedy=result.remedy,
            recipients=recipients,
            error_code=result.error_code,
        )
    else:
        message = result.message or msg("It has synced in the meantime. No action needed.")
        alert = Alert(type=AlertType.RESOLVED, title=title, message=message, remedy="", recipients=recipients)
    return replace(result, alert=alert)


def _failing_alone(
    database: Database, lease: Lease, attempts: Mapping[int, Attempt | NotAttempted]
) -> Mapping[int, SyncError]:
    """Return errors for jobs that fail repeatedly while others are synced: their records are to blame."""
    results = {job_id: each.result for job_id, each in attempts.items() if isinstance(each, Attempt)}
    suspects = {
        job: result
        for job in lease.jobs
        if job.failed_attempts + 1 >= MAX_FAILURES_ALONE
        and isinstance(result := results.get(job.id), SyncError)
        and _is_outage(result)
        and not isinstance(result, HeldBackError)
    }
    if not suspects:
        return {}
    others_synced = any(isinstance(each, Success) and each.outcome is Outcome.SYNCED for each in results.values())
    synced_at = leases.last_synced(database, lease.lane)
    return {
        job.id: _fails_alone_error(error)
        for job, error in suspects.items()
        if others_synced or (job.attempted_at and synced_at and synced_at >= job.attempted_at)
    }


def _fails_alone_error(error: SyncError) -> RejectedError:
    fails_alone = RejectedError(
        msg("{problem} Other records sync, so the cause is something about this record.", problem=error.message),
        error_code=FAILS_ALONE,
    )
    return fails_alone.replace(title=error.title, outcome_unknown=error.outcome_unknown)


def _is_outage(error: SyncError) -> bool:
    problem = connection_problem(error)
    return problem is not None and problem.alert_type is AlertType.OUTAGE


def _ended_dependencies(
    database: Database, lease: Lease, attempts: Mapping[int, Attempt | NotAttempted], *, now: datetime
) -> Mapping[int, DependencyEndedError]:
    """Enqueue the records that jobs begin to wait for; return an error for each job whose dependency has ended."""
    pending = {
        job_id: attempt.result
        for job_id, attempt in attempts.items()
        if isinstance(attempt, Attempt) and isinstance(attempt.result, DependencyPendingError)
    }
    waits = [
        Wait(
            job_id=job.id, record=pending[job.id].dependency, repeated=job.dependency == pending[job.id].dependency
        )
        for job in lease.jobs
        if job.id in pending
    ]
    ended = dependencies.enqueue_dependencies(database, lease.lane.connection_id, waits, now=now)
    return {job_id: _ended_error(pending[job_id], dependency) for job_id, dependency in ended.items()}


def _ended_error(error: DependencyPendingError, dependency: Dependency) -> DependencyEndedError:
    name = dependency.title or error.dependency.name
    if dependency.state is JobState.DISMISSED:
        ended = DependencyEndedError(
            msg(
                "{record} must sync first but was dismissed: {why}.",
                record=name,
                why=dependency.dismissal_reason,
            ),
            error_code=DEPENDENCY_DISMISSED,
            remedy=msg(
                "Reopen and retry that record, and this one follows. Or enter this one manually and dismiss it "
                "too."
            ),
            dependency=error.dependency,
        )
    else:
        ended = DependencyEndedError(
            msg("{record} must sync first but can't: {why}", record=name, why=dependency.message),
            error_code=DEPENDENCY_GONE,
            dependency=error.dependency,
        )
    return ended.replace(title=error.title)
