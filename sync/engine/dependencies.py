"""What changes wait for: it is put into the inbox, and what has ended without a link is for a person to see."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from i18n.messages import msg
from models.database import Database
from models.enums import JobState, Record
from models.inbox.dependencies import Dependency, dependencies
from models.inbox.enqueue import enqueue_dependency
from models.inbox.leases import Lease, SyncJob
from sync.engine.outcomes import Attempt
from sync.errors import DependencyEndedError, DependencyPendingError


def follow_up(
    database: Database, lease: Lease, attempts: Mapping[int, Attempt], *, now: datetime
) -> Mapping[int, Attempt]:
    """Have what changes wait for looked at; tells the attempts of those that would wait in vain, for a person.

    What had ended before is looked at once more for each change that comes to wait for it.
    """
    errors = {i: each.answer for i, each in attempts.items() if isinstance(each.answer, DependencyPendingError)}
    if not errors:
        return {}
    connection_id, records = lease.lane.connection_id, {error.dependency for error in errors.values()}
    known = dependencies(database, connection_id, records)
    needed: set[Record] = set()
    ended: dict[int, Attempt] = {}
    for job in (each for each in lease.jobs if each.id in errors):
        error = errors[job.id]
        dependency = known.get(error.dependency)
        if dependency and _is_never_met(job, error.dependency, dependency):
            ended[job.id] = replace(attempts[job.id], answer=_ended(error, dependency))
        elif dependency is None or dependency.state is JobState.DONE:
            needed.add(error.dependency)
    enqueue_dependency(database, connection_id, needed, now=now)
    return ended


def _is_never_met(job: SyncJob, record: Record, dependency: Dependency) -> bool:
    """Tell whether a record has ended without a link: by a person's word, or by a look since the change waits."""
    looked_at = dependency.state is JobState.DONE and job.dependency == record
    return not dependency.linked and (looked_at or dependency.state is JobState.DISMISSED)


def _ended(error: DependencyPendingError, dependency: Dependency) -> DependencyEndedError:
    name = dependency.title or error.dependency.name
    if dependency.state is JobState.DISMISSED:
        ended = DependencyEndedError(
            msg(
                "{record} must come across first, and somebody has closed it: {why}.",
                record=name,
                why=dependency.closed_because,
            ),
            error_code="dependency_dismissed",
            remedy=msg("Try that one again, and this one follows. Or handle this one by hand, and close it too."),
            dependency=error.dependency,
        )
    else:
        ended = DependencyEndedError(
            msg("{record} must come across first, and cannot: {why}", record=name, why=dependency.message),
            error_code="dependency_gone",
            remedy=msg(
                "Choose another one in Moment. A finalized invoice must be credited and made anew, or posted by "
                "hand."
            ),
            dependency=error.dependency,
        )
    ended.title = error.title
    return ended
