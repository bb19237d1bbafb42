"""The app of the API and its OpenAPI document, which ``python -m web.api`` writes to ``docs/openapi.json``."""

import json
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import ASGIApp

from web.api import audit_log, connections, health, job_actions, jobs, operations, receivers, settings
from web.api.caller import RequireScope
from web.api.gate import KEY_HEADER, KEY_PATTERN, MAX_KEY_LENGTH, PREVIEW_PATHS, REPLAY_HEADER, Gate
from web.api.problems import MEDIA_TYPE, TITLES, FieldProblem, Problem, add_handlers
from worker.container import Container

PREFIX = "/api/v1"
TITLE = "Moment and 24SevenOffice"
DESCRIPTION = """
The API of the integration between Moment and 24SevenOffice.

Send an API token with each request: `Authorization: Bearer m24_…`. Every error is a problem of RFC 9457
(`application/problem+json`) with a machine-readable `code`. Texts are in English or Norwegian, depending on
`Accept-Language`.

Times are in UTC, such as `2026-01-31T08:00:00Z`. Dates, such as `2026-01-31`, are days in Norway. Amounts are
integers in øre (100 øre = 1 krone). An invoice in another currency has its amount in hundredths of that currency.
"""
ROUTERS = (
    connections.router,
    settings.router,
    jobs.router,
    job_actions.router,
    operations.router,
    receivers.router,
    audit_log.router,
    health.router,
)
ALWAYS, WITH_ID, WITH_BODY, WITH_KEY = (401, 403, 422, 429, 500, 503), (404,), (400, 408, 413, 415), (409,)
"""Statuses of the problems of all operations, and of those with an id in the path, a body or a key."""

CONFLICTS = {
    "addConnection": ("name_taken", "setting_refused"),
    "changeSettings": ("setting_refused", "operation_pending"),
    "eraseConnection": ("jobs_running",),
    "resumeConnection": ("setting_refused", "not_tested", "test_failed"),
    "retryJob": ("not_applicable",),
    "dismissJob": ("not_applicable",),
    "resolveJob": ("not_applicable",),
    "reopenJob": ("not_applicable",),
    "answerMatchQuestion": ("not_applicable",),
    "commitJobAction": ("preview_expired",),
    "testReceiver": ("receiver_disabled",),
    "replayDelivery": ("receiver_disabled",),
    "replayDeliveries": ("receiver_disabled",),
    "cancelOperation": ("operation_running", "operation_ended"),
}
"""Codes of the problems with status 409 of each operation, in addition to that of its idempotency key."""

SUCCESS_OF_FASTAPI = "Successful Response"
"""FastAPI's description of a response that has none of its own."""

SUCCESSES = {
    "200": "Success",
    "201": "Created",
    "202": "Accepted. A worker does the work: get the operation until its status is `finished` or `cancelled`.",
    "204": "Success, without a body",
}
PHRASES = {
    400: "Unreadable body",
    401: "Missing or invalid API token",
    403: "Not permitted by the API token",
    404: "Not found, or no access to it",
    408: "Request timeout",
    409: "Conflict with the current state",
    412: "Settings changed since they were read",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Validation failed",
    428: "Missing If-Match",
    429: "Too many requests",
    500: "Internal error",
    503: "Database unavailable",
}
LIMITS = {
    "RateLimit": "Remaining requests, and seconds until the full number is available again",
    "RateLimit-Policy": "Requests allowed in a window, and the length of the window in seconds",
    "Content-Language": "Language of the texts: en or nb",
}


class Api(FastAPI):
    """The API without its gate. Its OpenAPI document lists the problems of every operation."""

    def __init__(self) -> None:
        super().__init__(
            title=TITLE,
            version="1",
            description=DESCRIPTION.strip(),
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            root_path_in_servers=False,
            servers=[{"url": PREFIX}],
        )
        for router in ROUTERS:
            self.include_router(router)
        self.include_router(document)
        add_handlers(self)

    @cached_property
    def query_names(self) -> dict[tuple[str, str], set[str]]:
        return {
            (path, method): {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            for path, methods in self.openapi()["paths"].items()
            for method, operation in methods.items()
        }

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            spec = super().openapi()
            _describe(spec, dict(scopes_of(self)))
            self.openapi_schema = spec
        return self.openapi_schema


document = APIRouter()


@document.get("/openapi.json", include_in_schema=False)
async def openapi_json() -> Response:
    return Response(openapi_document(), media_type="application/json")


def create_api(container: Container) -> ASGIApp:
    return Gate(app=get_api(), container=container)


@cache
def get_api() -> Api:
    """Return the API of this process, built at the first request."""
    return Api()


@cache
def openapi_document() -> str:
    return json.dumps(get_api().openapi(), indent=2, ensure_ascii=False) + "\n"


def scopes_of(api: FastAPI) -> Iterator[tuple[tuple[str, str], RequireScope]]:
    for route in iter_route_contexts(api.routes):
        if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
            (scope,) = (each.call for each in route.dependant.dependencies if isinstance(each.call, RequireScope))
            for method in route.methods or ():
                yield (str(route.path), method.lower()), scope


def _describe(spec: dict[str, Any], scopes: dict[tuple[str, str], RequireScope]) -> None:
    schemas = spec["components"].setdefault("schemas", {})
    for model in (FieldProblem, Problem):
        if model.__name__ in schemas:
            raise ValueError(f"another schema has the name {model.__name__} of one of the errors")
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas[model.__name__] = {name: value for name, value in schema.items() if name != "$defs"}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    spec["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    spec["components"]["headers"] = {
        name: {"description": what, "schema": {"type": "string"}} for name, what in LIMITS.items()
    }
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            scope = scopes[path, method]
            operation["security"] = [{"token": [scope.scope]}]
            needs = f"Scope: `{scope.scope}`{', with a token for all connections' if scope.everywhere else ''}."
            operation["summary"] = operation["description"].strip().partition(".")[0].replace("\n", " ")
            operation["description"] = f"{operation['description'].strip()}\n\n{needs}"
            takes_key = method == "post" and PREFIX + path not in PREVIEW_PATHS
            _describe_operation(operation, method, takes_key=takes_key)
    _allow_repeats(spec)


def _allow_repeats(part: object) -> None:
    """Declare nothing about repeated values: as in any query, they are accepted and count once."""
    if isinstance(part, dict):
        part.pop("uniqueItems", None)
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _allow_repeats(each)


def _describe_operation(operation: dict[str, Any], method: str, *, takes_key: bool) -> None:
    parameters = operation.setdefault("parameters", [])
    locations = {each["in"] for each in parameters}
    if takes_key:
        parameters.append(KEY_PARAMETER)
    statuses = [*ALWAYS, *(WITH_ID if "path" in locations else ())]
    statuses += WITH_BODY if "requestBody" in operation or method in {"post", "patch", "delete"} else ()
    statuses += WITH_KEY if takes_key else ()
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted({*statuses, *(int(each) for each in responses if int(each) >= 400)}):  # noqa: PLR2004 - errors
        codes = [code for code, (code_status, _) in TITLES.items() if code_status == status]
        if status == 409:  # noqa: PLR2004 - a conflict
            codes = [*CONFLICTS.get(operation["operationId"], ()), *(["key_in_use"] if takes_key else ())]
        described = f"{PHRASES[status]}: {', '.join(f'`{code}`' for code in codes)}"
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[str(status)] = {"description": described, "content": content}
    for status_text, response in responses.items():
        if response["description"] == SUCCESS_OF_FASTAPI:
            response["description"] = SUCCESSES[status_text]
        headers = response.setdefault("headers", {})
        if status_text in ("201", "202"):
            headers["Location"] = LOCATION
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in LIMITS}
    if takes_key:
        success = next(response for status, response in responses.items() if int(status) < 300)  # noqa: PLR2004 - success
        name = next(iter(REPLAY_HEADER))
        success["headers"][name] = {
            "description": "`true` if this is the stored response to an earlier request with the same key",
            "schema": {"type": "string"},
        }


LOCATION = {"description": "URL of the new resource or operation", "schema": {"type": "string"}}
KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "Unique value chosen by the client, such as a UUID. For 24 hours, the same request with "
    "the same key runs once and gets the same response each time.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": KEY_PATTERN},
}
