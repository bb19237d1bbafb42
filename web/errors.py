"""What is answered when something cannot be: a page in the visitor's language that tells nothing of our inside."""

from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from language.said import Said, say
from models.base import DatabaseUnavailable
from models.connections import UnknownConnection
from models.users import UnknownUser
from web.rendering import render
from web.visitors import Visitor, known

COME_AGAIN = {"Retry-After": "30"}
"""Seconds."""

FOR_MACHINES = ("/hooks/", "/health/", "/metrics")
"""What is below here is answered in JSON, as it asks."""

WORDS: dict[int, tuple[Said, Said]] = {
    403: (
        say("Nothing was changed"),
        say("The page was open for too long. Go back, load it again and try once more."),
    ),
    404: (say("There is no such page"), say("Perhaps it has moved, or it is not for this user.")),
    413: (say("That is too much"), say("Nothing was changed. Enter less, and try again.")),
    500: (say("Something went wrong here"), say("It has been noted. Please try again in a while.")),
    503: (say("The database is away"), say("Nothing is lost. Please try again in half a minute.")),
}
OTHERWISE = (say("That cannot be read"), say("Something in the address or the form is not as it should be."))


def add_error_pages(app: FastAPI) -> None:
    """Have all errors answered from here."""
    app.exception_handlers |= {
        StarletteHTTPException: _refused,
        RequestValidationError: _unreadable,
        UnknownConnection: _not_there,
        UnknownUser: _not_there,
        DatabaseUnavailable: _come_again,
        Exception: _crashed,
    }


async def _refused(request: Request, error: StarletteHTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code < status.HTTP_400_BAD_REQUEST:
        return Response(status_code=error.status_code, headers=headers)
    return await _answer(request, error.status_code, error.detail, headers)


async def _unreadable(request: Request, error: RequestValidationError) -> Response:
    """Take an address that cannot be one for a page that is not there."""
    in_path = any(each["loc"][0] == "path" for each in error.errors())
    return await _refused(request, HTTPException(404 if in_path else 400))


async def _not_there(request: Request, _error: Exception) -> Response:
    return await _refused(request, HTTPException(404))


async def _come_again(request: Request, _error: Exception) -> Response:
    return await _answer(request, 503, "The database is away. Please try again.", COME_AGAIN)


async def _crashed(request: Request, _error: Exception) -> Response:
    return await _answer(request, 500, "Something went wrong.", {})


async def _answer(request: Request, status_code: int, detail: str, headers: dict[str, str]) -> Response:
    if request.url.path.startswith(FOR_MACHINES):
        return JSONResponse({"detail": detail}, status_code, headers)
    title, words = WORDS.get(status_code, OTHERWISE)
    visitor = await run_in_threadpool(_whoever, request)
    page = render(request, visitor, "error.html", status=status_code, title=title, words=words)
    page.headers.update(headers)
    return page


def _whoever(request: Request) -> Visitor | None:
    """Tell who asks, as far as the database can be asked."""
    try:
        return known(request)
    except DatabaseUnavailable:
        return None
