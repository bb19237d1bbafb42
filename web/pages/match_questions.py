"""Answers to what a change waits to be told: which record of 24SevenOffice it is, or that it is none of those."""

from fastapi import APIRouter, HTTPException, Response, status
from fastapi.responses import RedirectResponse

from models.admin import job_actions, match_questions
from web.security.auth import Operator
from web.security.csrf import Form, text
from worker import dispatch
from worker.container import clock, get_container

router = APIRouter(prefix="/records")


@router.post("/{job_id}/answer")
def answer(current_user: Operator, job_id: int, form: Form) -> Response:
    """Take the choice that somebody has made; what is not offered (any more) changes nothing."""
    database = get_container().database
    job = job_actions.show(database, job_id)
    if job is None or not current_user.scope.allows(job.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    acted = match_questions.answer(database, job_id, text(form, "choice"), actor=current_user.email, now=clock())
    dispatch.dispatch_lanes(acted.lanes)
    return RedirectResponse(f"/records/{job_id}?done=retry-{acted.count}", status.HTTP_303_SEE_OTHER)
