"""The audit log (settings changes and user actions) and the email log (the mails sent)."""

from fastapi import APIRouter, Response

from i18n.formatting import OSLO
from models.admin import audit_log, email_log
from models.admin.audit_log import AuditTopic
from models.pagination import Key
from web.downloads import send_file
from web.security.auth import Reader
from web.views.audit_log import AuditUrlFilter, export_entries

router = APIRouter()


@router.get("/audit-log")
def show_audit_log(context: Reader, page: str = "") -> Response:
    asked = AuditUrlFilter.read(context.request.query_params)
    scope, users = asked.scope(context.database, context.current_user)
    found = audit_log.page(
        context.database, scope, users=users, audit_filter=asked.audit_filter, key=Key.parse(page), with_place=True
    )
    shown = [each for each in AuditTopic if context.current_user.administers_all or each.is_of_connections]
    return context.render("audit-log.html", filter=asked, page=found, topics=shown)


@router.get("/audit-log/export")
def export_audit_log(context: Reader, form: str = "") -> Response:
    """Send all that the page shows, on its later pages too, for Excel or as JSON lines."""
    asked = AuditUrlFilter.read(context.request.query_params)
    scope, users = asked.scope(context.database, context.current_user)
    if form == "excel":
        entries = audit_log.iterate(context.database, scope, users=users, audit_filter=asked.audit_filter)
        lines = export_entries(entries, language=context.current_user.language)
        name = f"audit-log-{context.now.astimezone(OSLO):%Y-%m-%d}.csv"
        return send_file(context, lines, name=name, media_type="text/csv; charset=utf-8")
    lines = audit_log.export(context.database, scope, users=users, audit_filter=asked.audit_filter)
    return send_file(context, lines, name="audit-log.jsonl", media_type="application/jsonl")


@router.get("/email-log")
def show_email_log(context: Reader, page: str = "") -> Response:
    """List the mails. Pending ones come first, on the first page."""
    database, scope, users = context.database, context.scope, context.current_user.administers_all
    found = email_log.page(database, scope, users=users, key=Key.parse(page))
    waiting = () if found.newer else email_log.pending(database, scope, users=users)
    return context.render("email-log.html", page=found, pending=waiting)
