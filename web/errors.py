"""Error responses: a page in the reader's language that reveals nothing about our internals."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from i18n.messages import Message, msg
from models.admin.operations import OperationPendingError, TooManyOperationsError
from models.connections.repository import UnknownConnectionError
from models.database import DatabaseUnavailableError
from models.receivers.repository import UnknownReceiverError
from models.users.passwords import TooManyPasswordsError
from models.users.proofs import OutdatedProofError
from models.users.repository import UnknownUserError
from models.users.tokens import UnknownTokenError
from web.dependencies import container_of
from web.pages.confirmation import ConfirmationNeededError, ask_for_confirmation
from web.security.auth import GuestContext, current_session

RETRY_AFTER = {"Retry-After": "30"}
"""The header of responses with status 429 or 503. Its value is in seconds."""

JSON_PREFIXES = ("/webhooks/", "/health/", "/metrics")
"""Errors below these paths are sent as JSON. The API handles its own."""

MESSAGES: dict[int, tuple[Message, Message]] = {
    403: (msg("Nothing was changed"), msg("Your session expired. Go back, reload the page and try again.")),
    404: (msg("Page not found"), msg("It may have moved, or you may not have access.")),
    413: (msg("Too much data"), msg("Nothing was changed. Shorten your input and try again.")),
    409: (msg("Someone else is already doing this"), msg("Nothing was changed. Please retry in a minute.")),
    429: (msg("Too many requests"), msg("Nothing was changed. Please try again shortly.")),
    500: (msg("Something went wrong on our side"), msg("We've logged it. Please try again shortly.")),
    503: (msg("Database unavailable"), msg("No data is lost. Please try again in half a minute.")),
}
DEFAULT_MESSAGE = (msg("Invalid request"), msg("The address or the form contains something we can't read."))


FAILURES: dict[type[Exception], int] = {
    UnknownConnectionError: 404,
    UnknownReceiverError: 404,
    UnknownTokenError: 404,
    UnknownUserError: 404,
    OutdatedProofError: 403,
    OperationPendingError: 409,
    TooManyOperationsError: 429,
    TooManyPasswordsError: 429,
    DatabaseUnavailableError: 503,
    Exception: 500,
}
"""The status codes of errors that no page handles."""

DETAILS = {500: "Something went wrong.", 503: "The database can't be reached. Please try again."}
"""The text of errors in JSON."""


def add_error_pages(app: FastAPI) -> None:
    app.exception_handlers |= dict.fromkeys(FAILURES, _handle_error) | {
        ConfirmationNeededError: ask_for_confirmation,
        StarletteHTTPException: _handle_http_error,
        RequestValidationError: _handle_invalid_request,
    }


async def _handle_http_error(request: Request, error: StarletteHTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code < status.HTTP_400_BAD_REQUEST:
        return Response(status_code=error.status_code, headers=headers)
    return await _respond(request, error.status_code, error.detail, headers)


async def _handle_invalid_request(request: Request, error: RequestValidationError) -> Response:
    """Treat an impossible URL as a page that does not exist."""
    in_path = any(each["loc"][0] == "path" for each in error.errors())
    return await _handle_http_error(request, HTTPException(404 if in_path else 400))


async def _handle_error(request: Request, error: Exception) -> Response:
    code = next(code for kind, code in FAILURES.items() if isinstance(error, kind))
    detail = DETAILS.get(code, HTTPStatus(code).phrase)
    return await _respond(request, code, detail, RETRY_AFTER if code in {429, 503} else {})


async def _respond(request: Request, status_code: int, detail: str, headers: dict[str, str]) -> Response:
    if request.url.path.startswith(JSON_PREFIXES):
        return JSONResponse({"detail": detail}, status_code, headers)
    title, message = MESSAGES.get(status_code, DEFAULT_MESSAGE)
    context = await run_in_threadpool(_context, request)
    page = context.render("error.html", status=status_code, title=title, message=message)
    page.headers.update(headers)
    return page


def _context(request: Request) -> GuestContext:
    container = container_of(request)
    try:
        return GuestContext(request=request, container=container, session=current_session(request, container))
    except DatabaseUnavailableError:
        return GuestContext(request=request, container=container, session=None)
