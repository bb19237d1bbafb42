"""The reasons why a record does not come across, each with an address of its own that mails and pages lead to."""

from fastapi import APIRouter, HTTPException, Request, Response, status

from sync.reasons import GROUPS, REASONS
from web.rendering import render
from web.visitors import Guest, Open

router = APIRouter(prefix="/reasons", dependencies=[Open])


@router.get("")
def reasons(request: Request, visitor: Guest) -> Response:
    """List all reasons by what follows from them."""
    return render(request, visitor, "reasons.html", groups=GROUPS)


@router.get("/{reason}")
def reason(request: Request, reason: str, visitor: Guest) -> Response:
    """Explain one reason: where it comes from and what to do."""
    if reason not in REASONS:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return render(request, visitor, "reason.html", reason=reason, explained=REASONS[reason])
