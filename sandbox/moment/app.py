"""Moment as one ASGI app: its API, what its users do, and its mishaps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import FastAPI

from sandbox.mishaps import Misbehaving, controls
from sandbox.moment import api, users
from sandbox.moment.exact import Answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from sandbox.mishaps import Mishaps
    from sandbox.moment.books import Books
    from sandbox.moment.webhooks import Postman

CALL = re.compile(r"/api/1\.0/companies/[^/]+/(?P<resource>\w+)(?:/\d+(?P<part>/attachments))?")


def create_app(books: Books, *, postman: Postman, mishaps: Mishaps) -> ASGIApp:
    """Make Moment over these books; the postman brings their notifications, the mishaps say what goes wrong."""
    app = FastAPI(title="Moment", openapi_url=None)
    app.state.books, app.state.postman = books, postman

    def reset() -> None:
        books.start_over()
        postman.reset()

    app.include_router(api.router)
    app.include_router(users.router)
    app.include_router(controls(mishaps, reset=reset))
    return Misbehaving(app, mishaps=mishaps, operation_of=operation_of, fault=_fault)


def operation_of(request: Request) -> str:
    """Name an API call: ``GET invoices``, ``POST projectExpenses/attachments``; empty for what is no API call."""
    call = CALL.match(request.url.path)
    return f"{request.method} {call['resource']}{call['part'] or ''}" if call else ""


def _fault(_request: Request) -> Answer:
    return Answer({"detail": "Internal error"}, 500)
