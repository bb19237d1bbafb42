"""What a person or a program does about some or many jobs, and in which states each of it can be done."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from models.admin import job_actions
from models.admin.job_actions import OPEN, RESOLVED_BY_HAND, RETRIABLE, SKIPPED_PERMANENTLY, ActionResult
from models.admin.job_filter import JobFilter
from models.database import Database
from models.enums import JobState


@dataclass(frozen=True, slots=True)
class Action:
    """In which states it can be done: for what is selected, and for all that a filter lets through."""

    for_selected: frozenset[JobState]
    for_all: frozenset[JobState]


CLOSED = frozenset({JobState.DISMISSED})
ACTIONS: Mapping[str, Action] = {
    "retry": Action(RETRIABLE - CLOSED, OPEN),  # an outdated page must not reopen what was closed
    "unwanted": Action(OPEN, OPEN),
    "handled": Action(OPEN, OPEN),
    "reopen": Action(CLOSED, CLOSED),
}
DISMISSAL_REASONS = {"unwanted": SKIPPED_PERMANENTLY, "handled": RESOLVED_BY_HAND}


def selected(name: str, job_filter: JobFilter) -> JobFilter:
    """Keep of selected jobs those that the action can be done to."""
    states = ACTIONS[name].for_selected
    states = job_filter.states & states if job_filter.states else states
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def everything(name: str, job_filter: JobFilter) -> JobFilter:
    """Keep of all that a filter lets through what the action is done to; without a state that is what is open."""
    states = (job_filter.states or OPEN) & ACTIONS[name].for_all
    return replace(job_filter, states=states) if states else JobFilter(ids=frozenset())


def act(
    database: Database, name: str, job_filter: JobFilter, *, because: str = "", actor: str, now: datetime
) -> ActionResult:
    """Do one of :data:`ACTIONS` to jobs; those it cannot be done to stay as they are.

    ``because`` is why they are dismissed, for another reason than the usual one.
    """
    if name == "retry":
        return job_actions.retry(database, job_filter, actor=actor, now=now)
    if name == "reopen":
        return job_actions.reopen(database, job_filter, actor=actor, now=now)
    return job_actions.dismiss(
        database,
        job_filter,
        because=because or DISMISSAL_REASONS[name],
        resolved=name == "handled",
        actor=actor,
        now=now,
    )
