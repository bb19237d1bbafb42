"""24SevenOffice as one ASGI app: its services, what a bookkeeper does on its pages, and its mishaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from sandbox.mishaps import Misbehaving, Mishaps, controls
from sandbox.twentyfour import bookkeeper, paperwork, seed, soap
from sandbox.twentyfour.operations import SERVICES
from sandbox.twentyfour.server import SoapServer, fault_response
from sandbox.twentyfour.soap import SoapFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from sandbox.twentyfour.books import Books

PATHS = {service.path for service in SERVICES}


def create_app(books: Books, *, wsdl: Path, mishaps: Mishaps, clock: Callable[[], datetime]) -> ASGIApp:
    """Make 24SevenOffice over these books, which are plain data and can be pickled between any two requests.

    Args:
        books: what it holds, see :func:`sandbox.twentyfour.seed.books`.
        wsdl: the folder with the WSDL of each service.
        mishaps: what goes wrong.
        clock: tells the UTC instant, to the millisecond.
    """
    server = SoapServer(books, wsdl=wsdl, clock=clock)

    def reset() -> None:
        fresh = seed.books(clock().date())
        books.clients, books.logins = fresh.clients, fresh.logins
        server.start_over()

    async def call(request: Request) -> Response:
        return server.answer(request, await request.body())

    app = FastAPI(title="24SevenOffice", openapi_url=None)
    for path in PATHS:
        app.add_route(path, call, methods=["POST"])
    app.state.books, app.state.server, app.state.clock = books, server, clock
    app.include_router(bookkeeper.router)
    app.include_router(paperwork.router)
    app.include_router(controls(mishaps, reset=reset))
    return Misbehaving(app, mishaps=mishaps, operation_of=operation_of, fault=_internal_error)


def operation_of(request: Request) -> str:
    """Name the operation that a SOAP call is for; empty for what is no SOAP call."""
    if request.url.path not in PATHS or request.method != "POST":
        return ""
    return soap.action_of(request.headers).rpartition("/")[2] or "?"


def _internal_error(request: Request) -> Response:
    return fault_response(request, SoapFault("Internal error"))
