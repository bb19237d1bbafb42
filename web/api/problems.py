"""The errors of the API: problems of RFC 9457, each with a machine-readable code and a sentence."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from i18n.catalog import Language
from i18n.messages import Message, msg, translate
from models.admin.operations import LoginTriesError, OperationPendingError, TooManyOperationsError
from models.connections.repository import (
    ConcurrentUpdateError,
    FailedTestError,
    NameTakenError,
    SettingRefusedError,
    UnknownConnectionError,
    UnprovenError,
)
from models.database import DatabaseUnavailableError
from models.inbox.leases import JobsRunningError
from models.invalid_input import InvalidInputError
from models.receivers.repository import UnknownReceiverError
from web.views.settings_form import message_of

MEDIA_TYPE = "application/problem+json"
TOO_MANY_ERRORS = "too_many_errors"
"""The type of the validation error that replaces a large number of errors."""

MAX_NAMED = 20
"""Errors of single values that a response lists."""

MORE = msg("There are more errors than those listed here.")
RETRY_SECONDS = 30
MESSAGES = {
    "extra_forbidden": msg("Unknown field."),
    "timezone_aware": msg("Enter a time with its time zone, e.g. 2026-01-31T08:00:00Z."),
}
"""Messages by pydantic's error type, for values that no form sends."""

NO_CURSOR = msg("Use the `next` value from a page of this list.")

TITLES: Mapping[str, tuple[int, Message]] = {
    "unreadable": (400, msg("The body is not valid JSON.")),
    "token_missing": (401, msg("Send an API token: Authorization: Bearer m24_…")),
    "token_unknown": (401, msg("Unknown API token.")),
    "token_expired": (401, msg("The API token has expired.")),
    "token_revoked": (401, msg("The API token has been revoked.")),
    "scope_missing": (403, msg("The API token doesn't have the scope required for this.")),
    "all_connections_needed": (403, msg("This requires an API token for all connections.")),
    "not_found": (404, msg("Not found, or the API token has no access to it.")),
    "method_not_allowed": (405, msg("This endpoint doesn't support this method.")),
    "too_slow": (408, msg("The body took too long to arrive.")),
    "refused": (409, msg("This can't be done in the current state.")),
    "setting_refused": (409, msg("A setting isn't valid for this connection.")),
    "name_taken": (409, msg("Another connection already has this name.")),
    "test_failed": (409, msg("The last test of this connection found errors.")),
    "not_tested": (409, msg("This connection paused itself, and no test has passed since then.")),
    "not_applicable": (409, msg("This can't be done to a record with this status.")),
    "operation_pending": (409, msg("Someone else has requested the same, and it hasn't started yet.")),
    "operation_running": (409, msg("The settings are being saved and can no longer be cancelled.")),
    "operation_ended": (409, msg("It has finished and can no longer be cancelled.")),
    "jobs_running": (409, msg("This connection is still being processed. Try again in a few minutes.")),
    "receiver_disabled": (409, msg("The event receiver is disabled. Enable it first.")),
    "key_in_use": (409, msg("A request with this Idempotency-Key is still being processed.")),
    "preview_expired": (409, msg("The preview has expired. Request a new one.")),
    "outdated": (412, msg("The settings have changed since you read them. Read them again.")),
    "too_large": (413, msg("The body is too large.")),
    "media_type": (415, msg("The body must be JSON: Content-Type: application/json.")),
    "invalid": (422, msg("Some values are invalid.")),
    "key_reused": (422, msg("This Idempotency-Key was already used with a different request.")),
    "etag_missing": (428, msg("Send the ETag of the settings you read in If-Match.")),
    "rate_limited": (429, msg("Too many requests with this API token.")),
    "too_many_operations": (429, msg("Too many operations are queued for this connection.")),
    "login_tries": (429, msg("Too many passwords or keys were tried in the past hour.")),
    "internal": (500, msg("Something went wrong on our side. We've logged it.")),
    "database_unavailable": (503, msg("The database can't be reached. Retry in half a minute.")),
}
"""The codes, each with its status and title."""

BY_STATUS = {400: "unreadable", 404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}
"""The codes of refusals by FastAPI and Starlette."""

BY_ERROR: Mapping[type[Exception], str] = {
    UnknownConnectionError: "not_found",
    UnknownReceiverError: "not_found",
    NameTakenError: "name_taken",
    FailedTestError: "test_failed",
    UnprovenError: "not_tested",
    ConcurrentUpdateError: "outdated",
    OperationPendingError: "operation_pending",
    LoginTriesError: "login_tries",
    TooManyOperationsError: "too_many_operations",
    JobsRunningError: "jobs_running",
    DatabaseUnavailableError: "database_unavailable",
    Exception: "internal",
}
"""The codes of errors that no endpoint handles."""


class FieldProblem(BaseModel):
    """An error in one value of a request."""

    location: str = Field(description="Location of the value: body, query or header", examples=["body"])
    field: str = Field(
        description="Name of the value, with dots between levels; `body` for the body as a whole",
        examples=["settings.error_emails"],
    )
    detail: str = Field(description="Description of the error, in the requested language")


class Problem(BaseModel):
    """A refused request, as a problem of RFC 9457."""

    type: str = Field(description="URN that ends with the code", examples=["urn:moment24:problem:not_found"])
    title: str = Field(description="Title of this type of problem, in the requested language")
    status: int = Field(description="HTTP status of the response", examples=[404])
    detail: str = Field(description="Description of the problem with this request, in the requested language")
    code: str = Field(description="Machine-readable error code", examples=["not_found"])
    errors: list[FieldProblem] = Field(description="Errors in individual values")


class ProblemError(Exception):
    """A refused request; ``code`` is one of :data:`TITLES`, and ``detail`` is more specific than its title."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        fields: Mapping[tuple[str, str], str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code, self.detail, self.fields, self.headers = code, detail, fields or {}, dict(headers or {})


def invalid(field: str, detail: str, *, location: str = "body") -> ProblemError:
    return ProblemError("invalid", fields={(location, field): detail})


def respond(error: ProblemError, language: Language) -> Response:
    status, title = TITLES[error.code]
    retry = {"Retry-After": str(RETRY_SECONDS)} if status in {429, 503} else {}
    problem = Problem(
        type=f"urn:moment24:problem:{error.code}",
        title=translate(title, language),
        status=status,
        detail=translate(error.detail or title, language),
        code=error.code,
        errors=[
            FieldProblem(location=location, field=name, detail=translate(detail, language))
            for (location, name), detail in error.fields.items()
        ],
    )
    return JSONResponse(problem.model_dump(), status, retry | error.headers, media_type=MEDIA_TYPE)


def accepted_language(accept: str) -> Language:
    """Return the language that an Accept-Language header prefers; English if it names none."""
    ranked: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accept.split(",")[:20]):
        tag, _, quality = part.strip().lower().partition(";q=")
        language = {"en": Language.ENGLISH, "nb": Language.NORWEGIAN, "no": Language.NORWEGIAN}.get(tag[:2])
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if language and weight > 0:
            ranked.append((-weight, place, language))
    return min(ranked)[2] if ranked else Language.ENGLISH


def language_of(request: Request) -> Language:
    return accepted_language(request.headers.get("Accept-Language", ""))


def add_handlers(app: FastAPI) -> None:
    app.exception_handlers |= dict.fromkeys(BY_ERROR, _handle_error) | {
        ProblemError: _handle_problem,
        SettingRefusedError: _handle_refused_setting,
        InvalidInputError: _handle_invalid_input,
        HTTPException: _handle_http_error,
        RequestValidationError: _handle_invalid_request,
    }


def problem_of(error: Exception) -> ProblemError:
    wait = (
        {"Retry-After": str(ceil(error.wait.total_seconds()))} if isinstance(error, TooManyOperationsError) else {}
    )
    return ProblemError(next(code for kind, code in BY_ERROR.items() if isinstance(error, kind)), headers=wait)


async def _handle_error(request: Request, error: Exception) -> Response:
    return respond(problem_of(error), language_of(request))


async def _handle_problem(request: Request, error: ProblemError) -> Response:
    return respond(error, language_of(request))


async def _handle_refused_setting(request: Request, error: SettingRefusedError) -> Response:
    detail = error.args[0]
    field = f"settings.{error.setting}" if request.method == "POST" else error.setting  # as in the body
    problem = ProblemError("setting_refused", detail, fields={("body", field): detail})
    return respond(problem, language_of(request))


async def _handle_invalid_input(request: Request, error: InvalidInputError) -> Response:
    problem = ProblemError("invalid", fields={("body", name): text for name, text in error.errors.items()})
    return respond(problem, language_of(request))


async def _handle_http_error(request: Request, error: HTTPException) -> Response:
    code = BY_STATUS.get(error.status_code, "refused")
    return respond(ProblemError(code, headers=error.headers), language_of(request))


async def _handle_invalid_request(request: Request, error: RequestValidationError) -> Response:
    """Treat an impossible id in the path as something that does not exist, and invalid JSON as unreadable."""
    errors: Sequence[Any] = error.errors()
    if any(each["loc"][0] == "path" for each in errors):
        return respond(ProblemError("not_found"), language_of(request))
    if any(each["type"] == "json_invalid" for each in errors):
        return respond(ProblemError("unreadable"), language_of(request))
    return respond(ProblemError("invalid", fields=field_errors(errors)), language_of(request))


def field_errors(errors: Sequence[ErrorDetails], *, prefix: tuple[str, ...] = ()) -> dict[tuple[str, str], str]:
    """Return messages for pydantic's first errors by location and name, and one more if there are others."""
    fields = dict(field_error(each, prefix=prefix) for each in errors[:MAX_NAMED])
    if len(errors) > MAX_NAMED:
        fields["body", ""] = MORE
    return fields


def field_error(error: ErrorDetails, *, prefix: tuple[str, ...] = ()) -> tuple[tuple[str, str], str]:
    """Return the location and name of one of pydantic's errors, with its message."""
    location, *names = (*prefix, *map(str, error["loc"]))
    if error["type"] == TOO_MANY_ERRORS:
        return (location, ".".join(names)), MORE
    if not names:
        missing = msg("Send a JSON body as described in the API reference.")
        return (location, location), missing if error["type"] == "missing" else message_of(error)
    if error["type"] == "string_pattern_mismatch" and names[-1:] != ["identity_id"]:
        return (location, ".".join(names)), msg("Invalid value.")
    if error["type"] in ("enum", "literal_error"):
        choices = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return (location, ".".join(names)), msg("Choose one of these: {choices}.", choices=choices)
    if error["type"] in MESSAGES:
        return (location, ".".join(names)), MESSAGES[error["type"]]
    return (location, ".".join(names)), message_of(error)
