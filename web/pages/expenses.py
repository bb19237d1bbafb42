"""The expenses: which vouchers came across, and why the others did not."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from models.admin import job_list
from models.enums import EntityType
from models.pagination import Key
from sync.error_codes import GROUPS
from web.pages.record_actions import Done
from web.security.auth import Reader
from web.views.filters import Filter
from web.views.templates import render
from worker.container import get_container

router = APIRouter()


@router.get("/expenses")
def expenses(request: Request, current_user: Reader, page: str = "", done: str = "") -> Response:
    """List the vouchers with costs, the latest received first."""
    asked = Filter.read(request.query_params)
    job_filter = replace(asked.job_filter(current_user.scope), entity_type=EntityType.EXPENSE)
    found = job_list.page(get_container().database, job_filter, key=Key.parse(page))
    return render(
        request, current_user, "expenses.html", filter=asked, page=found, done=Done.read(done), groups=GROUPS
    )
