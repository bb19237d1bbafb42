"""The mails: who was told what and when, and what waits to be told."""

from fastapi import APIRouter, Response

from models.admin import email_log
from models.pagination import Key
from web.security.auth import Reader

router = APIRouter()


@router.get("/email-log")
def show_all(context: Reader, page: str = "") -> Response:
    """List the mails, those that wait before the first page of the others."""
    database, key = context.database, Key.parse(page)
    found = email_log.page(database, context.scope, key=key)
    waiting = () if found.newer else email_log.pending(database, context.scope)
    return context.render("email-log.html", page=found, pending=waiting)
