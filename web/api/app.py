"""The app of the API, and the document that describes it: ``python -m web.api`` writes ``docs/openapi.json``."""

import json
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import ASGIApp

from web.api import audit_log, connections, health, job_actions, jobs, operations, receivers, settings
from web.api.caller import RequireScope
from web.api.gate import DOING_NOTHING, KEY_HEADER, KEY_PATTERN, MAX_KEY_LENGTH, REPEATED, Gate
from web.api.problems import MEDIA_TYPE, TITLES, FieldProblem, Problem, add_handlers
from worker.container import Container

PREFIX = "/api/v1"
TITLE = "Moment and 24SevenOffice"
DESCRIPTION = """
The API of the integration between Moment and 24SevenOffice.

Send an API token with each request: `Authorization: Bearer m24_…`. Every error is a problem of RFC 9457
(`application/problem+json`) with a `code` for programs. `Accept-Language` selects English or Norwegian texts.
Times are in UTC, amounts in øre.
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
ALWAYS, OF_ONE, OF_BODY, OF_KEY = (401, 403, 422, 429, 500, 503), (404,), (400, 408, 413, 415), (409,)
"""The problems of every request, and of requests with an id, a body or a key."""

CONFLICTS = {
    "addConnection": ("name_taken", "setting_refused"),
    "changeSettings": ("setting_refused", "operation_pending"),
    "eraseConnection": ("jobs_running",),
    "resumeConnection": ("setting_refused",),
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
"""The codes of an operation's 409, beside those of its key."""

PHRASES = {
    400: "The body cannot be read",
    401: "No valid API token",
    403: "The API token does not allow it",
    404: "There is nothing here, or the token is not for it",
    408: "The body did not arrive in time",
    409: "It cannot be done as it stands",
    412: "The settings have been changed since",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Something does not fit",
    428: "If-Match is missing",
    429: "Too many requests",
    500: "A fault of the integration",
    503: "The database cannot be reached",
}
LIMITS = {
    "RateLimit": "How many requests are left, and in how many seconds there are all again",
    "RateLimit-Policy": "How many requests a token may make in how many seconds",
    "Content-Language": "The language of the texts: en or nb",
}


class Api(FastAPI):
    """The API without its gate; its document lists the problems of every operation."""

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
        """The query parameters of each operation, by path and method."""
        return {
            (path, method): {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            for path, methods in self.openapi()["paths"].items()
            for method, operation in methods.items()
        }

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            told = super().openapi()
            _describe(told, dict(scopes_of(self)))
            self.openapi_schema = told
        return self.openapi_schema


document = APIRouter()


@document.get("/openapi.json", include_in_schema=False)
async def openapi_json() -> Response:
    return Response(written(), media_type="application/json")


def create_api(container: Container) -> ASGIApp:
    return Gate(app=described_api(), container=container)


@cache
def described_api() -> Api:
    """Return the API of this process; its routes and document are built at the first request."""
    return Api()


@cache
def written() -> str:
    """Return the text of ``docs/openapi.json``."""
    return json.dumps(described_api().openapi(), indent=2, ensure_ascii=False) + "\n"


def scopes_of(api: FastAPI) -> Iterator[tuple[tuple[str, str], RequireScope]]:
    """Yield the scope of each operation, by path and method."""
    for route in iter_route_contexts(api.routes):
        if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
            (scope,) = (each.call for each in route.dependant.dependencies if isinstance(each.call, RequireScope))
            for method in route.methods or ():
                yield (str(route.path), method.lower()), scope


def _describe(told: dict[str, Any], scopes: dict[tuple[str, str], RequireScope]) -> None:
    schemas = told["components"].setdefault("schemas", {})
    for model in (FieldProblem, Problem):
        if model.__name__ in schemas:
            raise ValueError(f"another schema has the name {model.__name__} of one of the errors")
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas[model.__name__] = {name: value for name, value in schema.items() if name != "$defs"}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    told["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    told["components"]["headers"] = {
        name: {"description": what, "schema": {"type": "string"}} for name, what in LIMITS.items()
    }
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            scope = scopes[path, method]
            operation["security"] = [{"token": [scope.scope]}]
            bound = ", by a token for all connections" if scope.everywhere else ""
            operation["summary"] = operation["description"].strip().partition(".")[0].replace("\n", " ")
            operation["description"] = f"{operation['description'].strip()}\n\nScope: `{scope.scope}`{bound}."
            takes_key = method == "post" and PREFIX + path not in DOING_NOTHING
            _describe_operation(operation, method, takes_key=takes_key)
    _allow_repeats(told)


def _allow_repeats(part: object) -> None:
    """Declare nothing about repeated values: as in any query, they are accepted and count once."""
    if isinstance(part, dict):
        part.pop("uniqueItems", None)
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _allow_repeats(each)


def _describe_operation(operation: dict[str, Any], method: str, *, takes_key: bool) -> None:
    parameters = operation.setdefault("parameters", [])
    named = {each["in"] for each in parameters}
    if takes_key:
        parameters.append(KEY_PARAMETER)
    statuses = [*ALWAYS, *(OF_ONE if "path" in named else ())]
    statuses += OF_BODY if "requestBody" in operation or method in {"post", "patch", "delete"} else ()
    statuses += OF_KEY if takes_key else ()
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted({*statuses, *(int(each) for each in responses if int(each) >= 400)}):  # noqa: PLR2004 - errors
        codes = [code for code, (its, _) in TITLES.items() if its == status]
        if status == 409:  # noqa: PLR2004 - a conflict
            codes = [*CONFLICTS.get(operation["operationId"], ()), *(["key_in_use"] if takes_key else ())]
        responses[str(status)] = _problem_response(status, codes)
    for status_text, response in responses.items():
        headers = response.setdefault("headers", {})
        if status_text in ("201", "202"):
            headers["Location"] = LOCATION
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in LIMITS}
    if takes_key:
        success = next(response for status, response in responses.items() if int(status) < 300)  # noqa: PLR2004 - success
        name = next(iter(REPEATED))
        success["headers"][name] = {
            "description": "true where the answer is a repeated one",
            "schema": {"type": "string"},
        }


def _problem_response(status: int, codes: Sequence[str]) -> dict[str, Any]:
    named = ", ".join(f"`{code}`" for code in codes)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": f"{PHRASES[status]}: {named}", "content": {MEDIA_TYPE: {"schema": schema}}}


LOCATION = {
    "description": "Address of what was added, or of the operation that was started",
    "schema": {"type": "string"},
}
KEY_PARAMETER = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "A text of your own, such as a UUID. The same request with the same key is done once in 24 "
    "hours, and answered alike each time",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": KEY_PATTERN},
}
