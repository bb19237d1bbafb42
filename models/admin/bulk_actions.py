"""Actions of people and programs on many jobs, and the job states in which each is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from models.admin import job_actions
from models.admin.job_actions import OPEN, RESOLVED_MANUALLY, RETRIABLE, SKIPPED_PERMANENTLY, ActionResult
from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import JobState


class JobActionName(StrEnum):
    """The name of an action on jobs. Dismissed and resolved jobs both end as `dismissed`."""

    RETRY = "retry"
    DISMISS = "dismiss"
    RESOLVE = "resolve"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Action:
    """The job states in which an action is allowed: on selected jobs, and on all jobs of a filter."""

    for_selected: frozenset[JobState]
    for_all: frozenset[JobState]


DISMISSED = frozenset({JobState.DISMISSED})
ACTIONS: Mapping[JobActionName, Action] = {
    JobActionName.RETRY: Action(RETRIABLE - DISMISSED, OPEN),  # an outdated page must not reopen dismissed jobs
    JobActionName.DISMISS: Action(OPEN, OPEN),
    JobActionName.RESOLVE: Action(OPEN, OPEN),
    JobActionName.REOPEN: Action(DISMISSED, DISMISSED),
}
DISMISSAL_REASONS = {JobActionName.DISMISS: SKIPPED_PERMANENTLY, JobActionName.RESOLVE: RESOLVED_MANUALLY}


def selected(name: JobActionName, job_filter: JobFilter) -> JobFilter:
    """Limit selected jobs to the states in which the action is allowed."""
    states = ACTIONS[name].for_selected
    states = job_filter.states & states if job_filter.states else states
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def everything(name: JobActionName, job_filter: JobFilter) -> JobFilter:
    """Limit a filter to the states in which the action is allowed; a filter without states means open jobs."""
    states = (job_filter.states or OPEN) & ACTIONS[name].for_all
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def act(
    database: Database,
    name: JobActionName,
    job_filter: JobFilter,
    *,
    because: str = "",
    actor: str,
    now: datetime,
) -> ActionResult:
    """Apply one of :data:`ACTIONS` to jobs. Jobs in a state in which it is not allowed are unchanged.

    ``because`` is the reason for a dismissal, empty for the default one.
    """
    if name is JobActionName.RETRY:
        return job_actions.retry(database, job_filter, actor=actor, now=now)
    if name is JobActionName.REOPEN:
        return job_actions.reopen(database, job_filter, actor=actor, now=now)
    return job_actions.dismiss(
        database,
        job_filter,
        because=because or DISMISSAL_REASONS[name],
        resolved=name is JobActionName.RESOLVE,
        actor=actor,
        now=now,
    )
