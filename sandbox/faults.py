"""Faults on demand, the same for both remote systems: what a network and an external server do on bad days.

A system mounts :func:`controls` beside its API and wraps the whole in :class:`FaultInjector`. Both share one
:class:`Faults`, which is used only from the event loop. Connections can be dropped if the server runs with
``uvicorn.Config(http=DroppingProtocol)``.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, PrivateAttr
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

Kind = Literal[
    "slow",  # wait, then do the work and respond, even if the client has gone
    "hang",  # hold the connection, then close it without a response; nothing is done
    "fault",  # the system's own way of saying "Internal error"; nothing is done
    "error_500",
    "error_503",
    "too_many",  # 429 with Retry-After
    "forbidden",  # 403, as without permission
    "garbage",  # 200 with bytes that are neither XML nor JSON
    "html",  # 200 with a maintenance page
    "truncated",  # the work is done, the response is cut in half
    "lose_response",  # the work is done, the connection is dropped
    "save_then_error",  # the work is done, the response is "fault"
    "lose_session",  # 24SevenOffice forgets the session that the call came with
    "refuse",  # SaveBundleList responds with "result" and "says", SaveCompanies with an exception; nothing is done
    "save_then_refuse",  # the same, after the work is done
]
Refusal = Literal["DuplicateData", "DataAlreadySaved", "NotAuthenticated", "SystemError", "Exception", "NotSaved"]
AFTER_THE_WORK = {"truncated", "lose_response", "save_then_error"}
MAINTENANCE = (
    "<!DOCTYPE html><html><body><h1>Vi oppdaterer systemet</h1><p>Pr&oslash;v igjen senere.</p></body></html>"
)


class Fault(BaseModel):
    """What goes wrong with the next ``times`` calls after ``skip``, or with all calls for ``lasts`` seconds."""

    operation: str = "*"
    kind: Kind
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float = Field(default=5, ge=0)
    headers: dict[str, str] = {}
    result: Refusal = "SystemError"
    says: str = "Uventet feil. Prøv igjen senere."
    lasts: float = Field(default=0, ge=0)
    _added_at: float = PrivateAttr(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        return bool(self.lasts) and time.monotonic() >= self._added_at + self.lasts


class Latency(BaseModel):
    """How long every API call takes at least, in seconds."""

    seconds: float = Field(ge=0)


class Faults:
    """The pending and past faults, with the number of calls and the longest duration of each operation."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._added: list[Fault] = []
        self.played: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        self.latency = 0.0

    @property
    def pending(self) -> list[Fault]:
        self._added = [fault for fault in self._added if not fault.is_over]
        return self._added

    def next_for(self, operation: str) -> Fault | None:
        """Count a call and return its fault: the earliest one that applies to it."""
        self.calls[operation] += 1
        for fault in self.pending:
            if fault.operation not in ("*", operation):
                continue
            if not fault.skip:
                return self._play(fault)
            fault.skip -= 1
        return None

    def record_duration(self, operation: str, *, seconds: float) -> None:
        """Record how long a call took from its arrival."""
        self.longest[operation] = max(seconds, self.longest.get(operation, 0))

    def _play(self, fault: Fault) -> Fault:
        self.played[fault.kind] += 1
        fault.times -= not fault.lasts
        if not fault.times:
            self.pending.remove(fault)
        return fault


def controls(faults: Faults, *, reset: Callable[[], None]) -> APIRouter:
    """Make the routes by which a test controls the faults; ``reset`` restores the seeded data."""
    router = APIRouter()

    @router.post("/faults", status_code=201)
    async def add(fault: Fault) -> Fault:
        faults.pending.append(fault)
        return fault

    @router.get("/faults")
    async def show() -> dict[str, Any]:
        return {"pending": faults.pending, "played": faults.played}

    @router.delete("/faults", status_code=204)
    async def clear() -> None:
        faults.pending.clear()

    @router.put("/latency")
    async def set_latency(latency: Latency) -> Latency:
        faults.latency = latency.seconds
        return latency

    @router.get("/calls")
    async def show_calls() -> dict[str, int]:
        return faults.calls

    @router.get("/longest")
    async def show_longest() -> dict[str, float]:
        return faults.longest

    @router.delete("/calls", status_code=204)
    async def clear_calls() -> None:
        faults.calls.clear()

    @router.post("/reset", status_code=204)
    async def reset_everything() -> None:
        reset()
        faults.reset()

    return router


class FaultInjector:
    """An ASGI app that lets API calls go wrong by ``faults``, and passes everything else.

    ``operation_of`` returns the name of a request's operation, empty if it is not for the API. ``fault`` is the
    system's response to unexpected errors. For kinds that only it can play, ``app`` finds the fault in
    ``request.state.fault``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        faults: Faults,
        operation_of: Callable[[Request], str],
        fault: Callable[[Request], Response],
    ) -> None:
        self._app = app
        self._faults = faults
        self._operation_of = operation_of
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._operation_of(Request(scope)) if scope["type"] == "http" else ""
        if not operation:
            await self._app(scope, receive, send)
            return
        fault = self._faults.next_for(operation)
        scope.setdefault("state", {}).update(fault=fault, operation=operation, arrived_at=time.monotonic())
        await asyncio.sleep(self._faults.latency)
        if fault is None:
            await self._handle(scope, receive, send)
        else:
            await self._play(fault, scope, receive, send)

    async def _play(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if fault.kind in AFTER_THE_WORK:
            response = await self._collect_response(scope, receive)
            await self._break_response(fault, response, request, send)
        elif fault.kind == "hang":
            await request.body()
            await _wait_for_disconnect(receive, within=fault.seconds)
            await _drop(request)
        elif reply := self._reply(fault, request):
            await request.body()
            await reply(scope, receive, send)
        else:
            body = await request.body()
            await asyncio.sleep(fault.seconds if fault.kind == "slow" else 0)
            await self._handle(scope, _replay_body(body, receive), send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        state = scope["state"]
        self._faults.record_duration(state["operation"], seconds=time.monotonic() - state["arrived_at"])

    async def _collect_response(self, scope: Scope, receive: Receive) -> list[Message]:
        response: list[Message] = []

        async def keep(message: Message) -> None:
            response.append(message)

        await self._handle(scope, receive, keep)
        return response

    async def _break_response(self, fault: Fault, response: list[Message], request: Request, send: Send) -> None:
        if fault.kind == "save_then_error":
            await self._fault(request)(request.scope, request.receive, send)
            return
        if fault.kind == "truncated":
            body = b"".join(message.get("body", b"") for message in response[1:])
            await send(response[0])
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await _drop(request)

    def _reply(self, fault: Fault, request: Request) -> Response | None:
        """Return the response in place of the work, None if the work is to be done."""
        match fault.kind:
            case "fault":
                reply = self._fault(request)
            case "error_500":
                reply = Response("Server Error", 500, media_type="text/plain")
            case "error_503":
                reply = Response("Service Unavailable", 503, media_type="text/plain")
            case "too_many":
                reply = Response("Too Many Requests", 429, {"Retry-After": f"{fault.seconds:.0f}"}, "text/plain")
            case "forbidden":
                reply = Response("Forbidden", 403, media_type="text/plain")
            case "garbage":
                reply = Response(b"\x00\xff<\xfe{]" * 20, media_type=request.headers.get("content-type"))
            case "html":
                reply = Response(MAINTENANCE, media_type="text/html")
            case _:
                return None
        reply.headers.update(fault.headers)
        return reply


class DroppingProtocol(H11Protocol):
    """HTTP for an app that can drop the connection: it is in ``request.state.connection``."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it too
        """Make the connection available to the app."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": transport}


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Let an app read a request that has arrived, even if the connection is gone."""
    kept: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return kept.pop() if kept else await receive()

    return read


async def _drop(request: Request) -> None:
    """Close the connection once everything is sent, as a crashing server does."""
    request.state.connection.close()
    await _wait_for_disconnect(request.receive, within=None)


async def _wait_for_disconnect(receive: Receive, *, within: float | None) -> None:
    async def disconnected() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnected(), within)
    except TimeoutError:
        return
