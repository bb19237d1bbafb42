"""The lists of records and of expenses, and one record with all that is known of it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from fastapi import APIRouter, Response

from models.admin import email_log, job_actions, job_list, match_questions, relink
from models.admin.job_actions import AttemptView, JobAction
from models.enums import EntityType, JobState
from models.pagination import Key, Page
from sync.error_codes import ERROR_CODES, GROUPS
from web.pages.record_actions import ACTIONS, Done, visible_job
from web.security.auth import Reader, UserContext
from web.views.filters import Filter

router = APIRouter()


@router.get("/records")
def show_all(context: Reader, page: str = "", done: str = "") -> Response:
    return _list(context, "records.html", page=page, done=done)


@router.get("/expenses")
def show_expenses(context: Reader, page: str = "", done: str = "") -> Response:
    return _list(context, "expenses.html", page=page, done=done, entity_type=EntityType.EXPENSE)


@router.get("/records/{job_id}")
def show(context: Reader, job_id: int, page: str = "", done: str = "", link: str = "") -> Response:
    database = context.database
    job = visible_job(context, job_id)
    attempts = job_actions.attempts_page(database, job_id, key=Key.parse(page))
    return context.render(
        "record.html",
        job=job,
        urls=context.container.record_urls(job),
        error_code=ERROR_CODES.get(job.error_code),
        attempts=attempts,
        timeline=_timeline(attempts, job_actions.actions(database, job_id)),
        emails=email_log.of_job(database, job_id),
        done=Done.read(done),
        candidates=match_questions.candidates_of(database, job_id),
        relinks=job.record.entity_type in relink.TYPES and job.state is not JobState.RUNNING,
        link_problem=link,
        actions=[name for name, action in ACTIONS.items() if job.state in action.for_selected],
    )


def _list(
    context: UserContext, template: str, *, page: str, done: str, entity_type: EntityType | None = None
) -> Response:
    asked = Filter.read(context.request.query_params)
    job_filter = asked.job_filter(context.database, context.scope)
    if entity_type:
        job_filter = replace(job_filter, entity_type=entity_type)
    found = job_list.page(context.database, job_filter, key=Key.parse(page))
    return context.render(template, filter=asked, page=found, done=Done.read(done), groups=GROUPS)


def _timeline(attempts: Page[AttemptView], actions: Sequence[JobAction]) -> list[AttemptView | JobAction]:
    """Put what people did in between the attempts of a page, the latest first."""
    lines = attempts.lines
    first = lines[-1].at if attempts.older else None
    last = lines[0].at if attempts.newer else None
    between = (each for each in actions if (not first or each.at >= first) and (not last or each.at <= last))
    return sorted(chain(lines, between), key=lambda each: each.at, reverse=True)
