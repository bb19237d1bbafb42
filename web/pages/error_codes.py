"""The reasons why a record does not come across, each with an address of its own that mails and pages lead to."""

from fastapi import APIRouter, HTTPException, Request, Response, status

from sync.error_codes import ERROR_CODES, GROUPS
from web.security.auth import Guest, Open
from web.views.templates import render

router = APIRouter(prefix="/error-codes", dependencies=[Open])


@router.get("")
def show_all(request: Request, current_user: Guest) -> Response:
    """List all reasons by what follows from them."""
    return render(request, current_user, "error-codes.html", groups=GROUPS)


@router.get("/{error_code}")
def show(request: Request, error_code: str, current_user: Guest) -> Response:
    """Explain one reason: where it comes from and what to do."""
    if error_code not in ERROR_CODES:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return render(request, current_user, "error-code.html", code=error_code, error_code=ERROR_CODES[error_code])
