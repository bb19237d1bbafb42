"""The audit: who changed which setting, and who pressed what."""

from fastapi import APIRouter, Response

from models.admin import audit_log
from models.pagination import Key
from web.security.auth import Reader
from web.views.filters import Filter

router = APIRouter()


@router.get("/audit-log")
def show_all(context: Reader, page: str = "") -> Response:
    asked = Filter(company=Filter.read(context.request.query_params).company)
    scope = asked.job_filter(context.database, context.scope).scope
    users = context.current_user.administers_all and not asked.company
    found = audit_log.page(context.database, scope, users=users, key=Key.parse(page))
    return context.render("audit-log.html", filter=asked, page=found)
