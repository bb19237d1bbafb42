"""The error codes, each explained on its own page, to which mails and pages link."""

from fastapi import APIRouter, HTTPException, Response, status

from sync.error_codes import ERROR_CODES, GROUPS
from web.security.auth import Guest, Open

router = APIRouter(prefix="/error-codes", dependencies=[Open])


@router.get("")
def show_all(context: Guest) -> Response:
    return context.render("error-codes.html", groups=GROUPS)


@router.get("/{error_code}")
def show(context: Guest, error_code: str) -> Response:
    if error_code not in ERROR_CODES:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return context.render("error-code.html", code=error_code, error_code=ERROR_CODES[error_code])
