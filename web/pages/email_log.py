"""The mails: who was told what and when, and what waits to be told."""

from fastapi import APIRouter, Response

from models.admin import email_log
from models.pagination import Key
from web.dependencies import ContainerDep
from web.security.auth import Reader
from web.views.templates import Render

router = APIRouter()


@router.get("/email-log")
def show_all(current_user: Reader, container: ContainerDep, render: Render, page: str = "") -> Response:
    """List the mails, those that wait before the first page of the others."""
    database, key = container.database, Key.parse(page)
    found = email_log.page(database, current_user.scope, key=key)
    waiting = () if found.newer else email_log.pending(database, current_user.scope)
    return render("email-log.html", page=found, pending=waiting)
