"""Actions on jobs: on a single job at once, on many after a preview."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from cryptography.fernet import InvalidToken
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from i18n.messages import msg
from models.admin import job_actions, job_list
from models.admin.job_actions import JobActionName
from models.admin.job_filter import JobFilter
from models.connections.repository import MAX_REASON_LENGTH
from models.users.tokens import TokenScope
from sync.rules.normalization import clean
from web.api.caller import Caller, RequireScope
from web.api.common_types import PLAIN, Body, JobId
from web.api.jobs import JobItem, JobQuery, Writing, item, items, visible_job
from web.api.problems import ProblemError, invalid
from web.dependencies import MAX_ID
from worker import dispatch

router = APIRouter(tags=["Jobs"])

PURPOSE = "api.preview"
"""The encryption purpose of a preview, together with the id of its token."""

VALID_FOR = timedelta(hours=1)
MAX_SHOWN, MAX_SELECTED = 20, 1000
Previewing = Annotated[Caller, Depends(RequireScope(TokenScope.JOBS_READ))]


class JobCriteria(JobQuery, Body):
    """A filter for jobs. A job must match all given conditions."""


class JobSelection(Body):
    """An action and its jobs: those in `ids` that match the filter, or all that match it.

    Without `ids`, the filter must not be empty.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["ids"]}, {"required": ["filter"]}]})

    action: JobActionName = Field(description="Action to preview")
    ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_ID)]] | None,
        Field(
            max_length=MAX_SELECTED, min_length=1, description="Ids of jobs; null for all that match the filter"
        ),
    ] = None
    filter: JobCriteria = Field(default=JobCriteria(), description="Conditions that the jobs must match")

    @model_validator(mode="after")
    def _names_jobs(self) -> "JobSelection":
        if self.ids is None and self.filter == JobCriteria():
            raise ValueError(msg("Specify the jobs by their ids or by a filter."))
        return self


class JobPreview(BaseModel):
    """The jobs that an action would change. Nothing has been changed yet."""

    preview: str = Field(description="Opaque value for committing the action, valid for an hour")
    count: int = Field(description="Number of jobs that the action would change")
    jobs: list[JobItem] = Field(description=f"The first {MAX_SHOWN} of these jobs")
    left_out: list[int] = Field(
        description="The `ids` of jobs that would not be changed: the token has no access to the job, it does "
        "not match the filter, or the action does not apply to its state"
    )


class Commit(Body):
    preview: Annotated[str, Field(min_length=1, max_length=60_000)] = Field(
        description="The `preview` value of the preview, requested with the same token"
    )


class DismissalReason(Body):
    """The reason for dismissing a job."""

    because: Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_REASON_LENGTH)] = Field(
        default="", description="Stored as the job's `dismissal_reason`; empty for a default reason"
    )


DEFAULT_REASON = DismissalReason()


class ActionDone(BaseModel):
    action: JobActionName = Field(description="Action that was carried out")
    count: int = Field(description="Number of jobs changed. Jobs that have changed since the preview are skipped.")


@router.post("/jobs/{job_id}/retry", operation_id="retryJob")
def retry_job(caller: Writing, job_id: JobId) -> JobItem:
    """Retry a job now. To retry a dismissed job, reopen it first."""
    return _act(caller, job_id, JobActionName.RETRY)


@router.post("/jobs/{job_id}/dismiss", operation_id="dismissJob")
def dismiss_job(caller: Writing, job_id: JobId, reason: DismissalReason = DEFAULT_REASON) -> JobItem:
    """Dismiss a job whose record must not be synced. It stays dismissed even if the record changes."""
    return _act(caller, job_id, JobActionName.DISMISS, because=_plain(reason))


@router.post("/jobs/{job_id}/resolve", operation_id="resolveJob")
def resolve_job(caller: Writing, job_id: JobId, reason: DismissalReason = DEFAULT_REASON) -> JobItem:
    """Resolve a job whose record has been handled manually. The job is dismissed."""
    return _act(caller, job_id, JobActionName.RESOLVE, because=_plain(reason))


@router.post("/jobs/{job_id}/reopen", operation_id="reopenJob")
def reopen_job(caller: Writing, job_id: JobId) -> JobItem:
    """Reopen a dismissed job."""
    return _act(caller, job_id, JobActionName.REOPEN)


@router.post("/job-actions/previews", operation_id="previewJobAction")
def preview_job_action(caller: Previewing, selection: JobSelection) -> JobPreview:
    """Preview an action on jobs. Nothing is changed until the preview is committed."""
    until = caller.now
    job_filter = _filter(caller, selection, until=until)
    found = (
        job_actions.matching_ids(caller.database, job_filter) if selection.ids is not None else frozenset[int]()
    )
    sealed = json.dumps({"selection": selection.model_dump_json(), "until": until.isoformat()})
    return JobPreview(
        preview=caller.container.vault.encrypt(sealed, PURPOSE, caller.token.id),
        count=job_actions.count(caller.database, job_filter),
        jobs=items(caller, job_list.latest(caller.database, job_filter, limit=MAX_SHOWN)),
        left_out=sorted(set(selection.ids or ()) - found),
    )


@router.post("/job-actions", operation_id="commitJobAction")
def commit_job_action(caller: Writing, commit: Commit) -> ActionDone:
    """Commit a previewed action.

    It changes the jobs to which it still applies. Jobs received since the preview are left out.
    """
    try:
        sealed = json.loads(caller.container.vault.decrypt(commit.preview, PURPOSE, caller.token.id))
    except InvalidToken:
        raise invalid("preview", msg("Send the preview that was issued with this token, unchanged.")) from None
    selection = JobSelection.model_validate_json(sealed["selection"])
    until = datetime.fromisoformat(sealed["until"])
    if until < caller.now - VALID_FOR:
        raise ProblemError("preview_expired")
    job_filter = _filter(caller, selection, until=until)
    acted = job_actions.perform(caller.database, selection.action, job_filter, actor=caller.actor, now=caller.now)
    dispatch.dispatch_lanes(acted.lanes)
    return ActionDone(action=selection.action, count=acted.count)


def _plain(reason: DismissalReason) -> str:
    return clean(reason.because, max_length=MAX_REASON_LENGTH)


def _act(caller: Caller, job_id: int, action: JobActionName, *, because: str = "") -> JobItem:
    visible_job(caller, job_id)
    one = job_actions.narrow_selection(action, JobFilter(scope=caller.scope, ids=frozenset({job_id})))
    acted = job_actions.perform(caller.database, action, one, because=because, actor=caller.actor, now=caller.now)
    if not acted.count:
        raise ProblemError("not_applicable")
    dispatch.dispatch_lanes(acted.lanes)
    return item(caller, visible_job(caller, job_id))


def _filter(caller: Caller, selection: JobSelection, *, until: datetime) -> JobFilter:
    """Return the filter of the selection, limited to the token's current connections."""
    job_filter = selection.filter.job_filter(caller)
    if selection.ids is not None:
        job_filter = replace(job_filter, ids=frozenset(selection.ids))
        return job_actions.narrow_selection(selection.action, job_filter)
    return replace(job_actions.narrow_filter(selection.action, job_filter), until=until)
