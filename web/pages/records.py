"""The list of changes, and one change with all that is known of it."""

from collections.abc import Sequence
from itertools import chain

from fastapi import APIRouter, HTTPException, Request, Response, status

from models.admin import email_log, job_actions, job_list, match_questions
from models.admin.job_actions import AttemptView, JobAction
from models.pagination import Key, Page
from sync.error_codes import ERROR_CODES, GROUPS
from web.pages.record_actions import ACTIONS, Done
from web.security.auth import Reader
from web.views.filters import Filter
from web.views.templates import render
from worker.container import get_container
from worker.record_urls import record_urls

router = APIRouter(prefix="/records")


@router.get("")
def show_all(request: Request, current_user: Reader, page: str = "", done: str = "") -> Response:
    """List changes, the latest received first."""
    asked = Filter.read(request.query_params)
    found = job_list.page(get_container().database, asked.job_filter(current_user.scope), key=Key.parse(page))
    return render(
        request,
        current_user,
        "records.html",
        filter=asked,
        page=found,
        done=Done.read(done),
        groups=GROUPS,
    )


@router.get("/{job_id}")
def show(request: Request, current_user: Reader, job_id: int, page: str = "", done: str = "") -> Response:
    """Show how a record fared: where it stands and why, every attempt, and who did what about it."""
    database = get_container().database
    job = job_actions.show(database, job_id)
    if job is None or not current_user.scope.allows(job.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    attempts = job_actions.attempts_page(database, job_id, key=Key.parse(page))
    return render(
        request,
        current_user,
        "record.html",
        job=job,
        urls=record_urls(get_container(), job),
        error_code=ERROR_CODES.get(job.error_code),
        attempts=attempts,
        timeline=_timeline(attempts, job_actions.actions(database, job_id)),
        emails=email_log.of_job(database, job_id),
        done=Done.read(done),
        candidates=match_questions.candidates_of(database, job_id),
        actions=[name for name, action in ACTIONS.items() if job.state in action.for_selected],
    )


def _timeline(attempts: Page[AttemptView], deeds: Sequence[JobAction]) -> list[AttemptView | JobAction]:
    """Put what people did in between the attempts of a page, the latest first."""
    lines = attempts.lines
    first = lines[-1].at if attempts.older else None
    last = lines[0].at if attempts.newer else None
    between = (deed for deed in deeds if (not first or deed.at >= first) and (not last or deed.at <= last))
    return sorted(chain(lines, between), key=lambda each: each.at, reverse=True)
