"""Answers to what a change waits to be told: which record of 24SevenOffice it is, or that it is none of those."""

from fastapi import APIRouter, HTTPException, Response, status
from fastapi.responses import RedirectResponse

from models import changes, questions
from web.forms import Form, text
from web.visitors import Operator
from worker import dispatch
from worker.wiring import bridge, clock

router = APIRouter(prefix="/changes")


@router.post("/{change_id}/answer")
def answer(visitor: Operator, change_id: int, form: Form) -> Response:
    """Take the choice that somebody has made; what is not offered (any more) changes nothing."""
    database = bridge().database
    change = changes.show(database, change_id)
    if change is None or not visitor.scope.allows(change.connection_id):
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    acted = questions.answer(database, change_id, text(form, "choice"), who=visitor.email, now=clock())
    dispatch.nudge(acted.lanes)
    return RedirectResponse(f"/changes/{change_id}?done=retry-{acted.count}", status.HTTP_303_SEE_OTHER)
