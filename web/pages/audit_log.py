"""The audit: who changed which setting, and who pressed what."""

from fastapi import APIRouter, Request, Response

from models.admin import audit_log
from models.pagination import Key
from web.dependencies import ContainerDep
from web.security.auth import Reader
from web.views.filters import Filter
from web.views.templates import Render

router = APIRouter()


@router.get("/audit-log")
def show_all(
    request: Request, current_user: Reader, container: ContainerDep, render: Render, page: str = ""
) -> Response:
    """List what was done at the connections, and to the users for those who manage them."""
    asked = Filter(company=Filter.read(request.query_params).company)
    scope = asked.job_filter(container.database, current_user.scope).scope
    users = current_user.manages_users and not asked.company
    found = audit_log.page(container.database, scope, users=users, key=Key.parse(page))
    return render("audit-log.html", filter=asked, page=found)
