"""The audit log: who changed which setting and pressed what; and the email log: who was told what and when."""

from fastapi import APIRouter, Response

from models.admin import audit_log, email_log
from models.enums import Scope
from models.pagination import Key
from web.exports import send_file
from web.security.auth import Reader, UserContext
from web.views.filters import Filter

router = APIRouter()


@router.get("/audit-log")
def show_audit_log(context: Reader, page: str = "") -> Response:
    asked, scope, users = _asked(context)
    found = audit_log.page(context.database, scope, users=users, key=Key.parse(page))
    return context.render("audit-log.html", filter=asked, page=found)


@router.get("/audit-log/export")
def export_audit_log(context: Reader) -> Response:
    """Send all that the page shows, on its later pages too, as JSON lines."""
    _, scope, users = _asked(context)
    lines = audit_log.export(context.database, scope, users=users)
    return send_file(context, lines, name="audit-log.jsonl", media_type="application/jsonl")


@router.get("/email-log")
def show_email_log(context: Reader, page: str = "") -> Response:
    """List the mails, those that wait before the first page of the others."""
    database, scope, users = context.database, context.scope, context.current_user.administers_all
    found = email_log.page(database, scope, users=users, key=Key.parse(page))
    waiting = () if found.newer else email_log.pending(database, scope, users=users)
    return context.render("email-log.html", page=found, pending=waiting)


def _asked(context: UserContext) -> tuple[Filter, Scope, bool]:
    """Return what of the audit log is asked for: which connections, and whether what was done to users too."""
    asked = Filter(company=Filter.read(context.request.query_params).company)
    users = context.current_user.administers_all and not asked.company
    return asked, asked.job_filter(context.database, context.scope).scope, users
