"""The audit: who changed which setting, and who pressed what."""

from fastapi import APIRouter, Request, Response

from models import audit
from models.paging import Key
from web.filters import Filter
from web.rendering import render
from web.visitors import Reader
from worker.wiring import bridge

router = APIRouter()


@router.get("/audit")
def show_all(request: Request, visitor: Reader, page: str = "") -> Response:
    """List what was done at the connections, and to the users for those who manage them."""
    asked = Filter(company=Filter.read(request.query_params).company)
    scope = asked.wanted(visitor.scope).scope
    users = visitor.manages_users and not asked.company
    found = audit.page(bridge().database, scope, users=users, key=Key.read(page))
    return render(request, visitor, "audit.html", filter=asked, page=found)
