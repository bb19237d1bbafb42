"""The expenses: which vouchers came across, and why the others did not."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from models import listing
from models.paging import Key
from models.words import Kind
from sync.reasons import GROUPS
from web.filters import Filter
from web.pages.actions import Done
from web.rendering import render
from web.visitors import Reader
from worker.wiring import bridge

router = APIRouter()


@router.get("/expenses")
def expenses(request: Request, visitor: Reader, page: str = "", done: str = "") -> Response:
    """List the vouchers with costs, the latest received first."""
    asked = Filter.read(request.query_params)
    wanted = replace(asked.wanted(visitor.scope), kind=Kind.EXPENSE)
    found = listing.page(bridge().database, wanted, key=Key.read(page))
    return render(request, visitor, "expenses.html", filter=asked, page=found, done=Done.read(done), groups=GROUPS)
