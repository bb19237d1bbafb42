"""The gate that every request to the API passes first: its token, rate limit, body and Idempotency-Key."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from i18n.messages import msg
from models.database import DatabaseUnavailableError
from models.users import tokens
from models.users.idempotency import KeyInUseError, KeyReusedError, RequestKey, TooManyKeysError
from models.users.tokens import Token, TokenRefusedError
from web.api import rate_limit
from web.api.problems import ProblemError, invalid, language_of, problem_of, respond
from web.api.rate_limit import Allowance
from web.dependencies import body_deadline
from web.security.headers import MAX_BODY_BYTES
from worker.container import Container

OPEN_PATHS = {"/api/v1/openapi.json"}
"""Paths that need no token."""

MAX_PARAMETERS = 100
"""Query parameters: more than any request needs, and few enough to report an error in each."""

WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
KEY_PATTERN = "^[!-~]+$"
CONNECTION_URL = re.compile(r"/api/v1/connections/(\d+)")
REPLAY_HEADER = {"Idempotency-Replayed": "true"}
"""The header of a stored response that is sent again."""

INVALID_KEY = msg("The key must have 1 to 255 printable ASCII characters, without spaces.")
PREVIEW_PATHS = {"/api/v1/job-actions/previews"}
"""Paths whose requests change nothing and ignore the key: their responses may be long and are not stored."""

MAX_VALUES = 5000
"""The number of values in a body; bulk actions have the most."""

TOO_MANY_KEYS = msg(
    "Too many keys from the last 24 hours are stored for this API token. Send the request without a key."
)
TOO_MANY_PARAMETERS = msg("Too many parameters.")


@dataclass
class _Response:
    """A response, held back until it is stored under its key or discarded."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]
            ]
        else:
            self.body += message.get("body", b"")

    def connections(self, path: str) -> set[int]:
        """Return the connections that the response concerns, from its URLs and its body."""
        urls = path, *(value for name, value in self.headers if name.lower() == "location")
        named = (CONNECTION_URL.match(each) for each in urls)
        return {int(each[1]) for each in named if each} | set(_connection_ids(json.loads(self.body or b"null")))

    def as_text(self) -> str:
        body = b64encode(self.body).decode()
        return json.dumps({"status": self.status, "headers": self.headers, "body": body})


@dataclass(frozen=True, kw_only=True)
class Gate:
    app: ASGIApp
    container: Container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        added_headers = {"Content-Language": language_of(request), "Vary": "Accept-Language"}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in added_headers.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            if scope["path"] in OPEN_PATHS:
                await self.app(scope, receive, send_with_headers)
                return
            scope["state"]["token"] = await self._admit(request, added_headers)
            if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
                raise invalid("", TOO_MANY_PARAMETERS, location="query")
            await self._pass(request, send_with_headers)
        except (ProblemError, DatabaseUnavailableError) as error:
            problem = error if isinstance(error, ProblemError) else problem_of(error)
            await respond(problem, language_of(request))(scope, receive, send_with_headers)

    async def _admit(self, request: Request, added_headers: dict[str, str]) -> Token:
        """Return the request's token. Raises ProblemError if it is missing, invalid or over its rate limit."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise ProblemError("token_missing", headers={"WWW-Authenticate": 'Bearer realm="api"'})
        token, allowance = await run_in_threadpool(self._find_and_count, text.strip())
        if allowance:
            added_headers.update(allowance.headers)
            if allowance.exceeded:
                raise ProblemError("rate_limited", headers={"Retry-After": str(allowance.reset_seconds)})
        return token

    def _find(self, text: str) -> Token:
        try:
            return tokens.find(self.container.database, text, now=self.container.clock())
        except TokenRefusedError as error:
            challenge = 'Bearer realm="api", error="invalid_token"'
            raise ProblemError(error.code, headers={"WWW-Authenticate": challenge}) from None

    def _find_and_count(self, text: str) -> tuple[Token, Allowance | None]:
        """Find a token, and count a request of it."""
        container, token = self.container, self._find(text)
        limit = container.settings.api_requests_per_minute
        return token, rate_limit.count(container.redis, token.id, limit=limit, now=container.clock())

    async def _pass(self, request: Request, send: Send) -> None:
        """Pass a request on with its body, once for each key."""
        body = await _body(request) if request.method in WITH_BODY else b""
        if body:  # the token may have been revoked while the body arrived
            text = request.headers["Authorization"].partition(" ")[2].strip()
            request.state.token = await run_in_threadpool(self._find, text)
        key = request.headers.get(KEY_HEADER)
        if key is None or request.method != "POST" or request.url.path in PREVIEW_PATHS:
            await self.app(request.scope, _replay_body(body, request.receive), send)
            return
        if len(key) > MAX_KEY_LENGTH or not re.fullmatch(KEY_PATTERN, key):
            raise invalid(KEY_HEADER, INVALID_KEY, location="header")
        parts = request.method, request.url.path, request.url.query
        request_key = RequestKey.of(request.state.token.id, key, *(each.encode() for each in parts), body)
        try:
            stored = await run_in_threadpool(
                self.container.idempotency.begin, request_key, now=self.container.clock()
            )
        except KeyInUseError:
            raise ProblemError("key_in_use", headers={"Retry-After": "1"}) from None
        except KeyReusedError:
            raise ProblemError("key_reused") from None
        except TooManyKeysError:
            raise ProblemError("rate_limited", TOO_MANY_KEYS) from None
        if stored is not None:
            await _stored_response(stored)(request.scope, request.receive, send)
            return
        await self._handle_once(request, request_key, _replay_body(body, request.receive), send)

    async def _handle_once(self, request: Request, request_key: RequestKey, receive: Receive, send: Send) -> None:
        """Handle a request and store its response before it is sent. After an error, the key can be used again."""
        response, messages = _Response(), list[Message]()

        async def keep(message: Message) -> None:
            response.take(message)
            messages.append(message)

        try:
            await self.app(request.scope, receive, keep)
        finally:
            if 200 <= response.status < 300:  # noqa: PLR2004 - the statuses of success
                connections = response.connections(request.url.path)
                await run_in_threadpool(
                    self.container.idempotency.complete, request_key, response.as_text(), connections
                )
            else:
                await run_in_threadpool(self.container.idempotency.delete, request_key)
            for message in messages:
                await send(message)


def _connection_ids(value: object) -> Iterator[int]:
    if isinstance(value, list):
        for each in value:
            yield from _connection_ids(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "connection_id":
                yield each
            yield from _connection_ids(each)


async def _body(request: Request) -> bytes:
    """Read a body that is JSON or empty. Raises ProblemError if it exceeds a limit."""
    body = b""
    try:
        async with body_deadline():
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise ProblemError("too_large", headers={"Connection": "close"})
    except HTTPException:
        raise ProblemError("too_slow", headers={"Connection": "close"}) from None
    if body.count(b",") > MAX_VALUES:  # each value may cause an error, which takes time to build
        raise ProblemError("too_large")
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise ProblemError("media_type", headers={"Accept": "application/json"})
    return body


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that provides a body that has already been read."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _stored_response(text: str) -> Response:
    stored = json.loads(text)
    response = Response(b64decode(stored["body"]), stored["status"])
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in (*stored["headers"], *REPLAY_HEADER.items())
    ]
    return response
