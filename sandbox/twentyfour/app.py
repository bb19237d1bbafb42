"""24SevenOffice as one ASGI app: its services, the actions of a bookkeeper on its pages, and its faults."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultInjector, Faults, controls
from sandbox.twentyfour import admin_pages, seed, soap, voucher_admin
from sandbox.twentyfour.operations import SERVICES
from sandbox.twentyfour.server import SoapServer, fault_response
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import State

PATHS = {service.path for service in SERVICES}


def create_app(state: State, *, wsdl: Path, faults: Faults, clock: Callable[[], datetime]) -> ASGIApp:
    """Make 24SevenOffice with this state, which is plain and can be pickled between any two requests.

    ``wsdl`` is the folder with the WSDL of each service, and ``clock`` returns the UTC instant to the millisecond.
    """
    server = SoapServer(state, wsdl=wsdl, clock=clock)

    def reset() -> None:
        fresh = seed.initial_state(clock().date())
        state.clients, state.logins = fresh.clients, fresh.logins
        server.reset()

    async def call(request: Request) -> Response:
        return server.respond(request, await request.body())

    async def describe(request: Request) -> Response:
        return server.describe(request)

    app = FastAPI(title="24SevenOffice", openapi_url=None)
    for path in PATHS:
        app.add_route(path, call, methods=["POST"])
        app.add_route(path, describe, methods=["GET"])
    app.state.data, app.state.server, app.state.clock = state, server, clock
    app.include_router(admin_pages.router)
    app.include_router(voucher_admin.router)
    app.include_router(controls(faults, reset=reset))
    return FaultInjector(app, faults=faults, operation_of=operation_of, fault=_internal_error)


def operation_of(request: Request) -> str:
    """Return the operation of a SOAP call; empty for any other request."""
    if request.url.path not in PATHS or request.method != "POST":
        return ""
    return soap.action_of(request.headers).rpartition("/")[2] or "?"


def _internal_error(request: Request) -> Response:
    return fault_response(request, SoapFaultError("Internal error"))
