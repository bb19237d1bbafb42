"""The mails: who was told what and when, and what waits to be told."""

from fastapi import APIRouter, Request, Response

from models import mails
from models.paging import Key
from web.rendering import render
from web.visitors import Reader
from worker.wiring import bridge

router = APIRouter()


@router.get("/mails")
def show_all(request: Request, visitor: Reader, page: str = "") -> Response:
    """List the mails, those that wait before the first page of the others."""
    database, key = bridge().database, Key.read(page)
    found = mails.page(database, visitor.scope, key=key)
    waiting = () if found.newer else mails.waiting(database, visitor.scope)
    return render(request, visitor, "mails.html", page=found, waiting=waiting)
