"""Moment as one ASGI app: its API, the actions of its users, and its faults."""

import re

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp

from sandbox.faults import FaultInjector, Faults, controls
from sandbox.moment import api, user_pages
from sandbox.moment.exact_json import JsonResponse
from sandbox.moment.record_store import RecordStore
from sandbox.moment.webhooks import WebhookSender

CALL = re.compile(r"/api/1\.0/companies/[^/]+/(?P<resource>\w+)(?:/\d+(?P<part>/attachments))?")


def create_app(store: RecordStore, *, webhook_sender: WebhookSender, faults: Faults) -> ASGIApp:
    """Make Moment with these records; the webhook sender delivers its webhooks, and ``faults`` go wrong."""
    app = FastAPI(title="Moment", openapi_url=None)
    app.state.data, app.state.webhook_sender = store, webhook_sender

    def reset() -> None:
        store.reset()
        webhook_sender.reset()

    app.include_router(api.router)
    app.include_router(user_pages.router)
    app.include_router(controls(faults, reset=reset))
    return FaultInjector(app, faults=faults, operation_of=operation_of, fault=_fault)


def operation_of(request: Request) -> str:
    """Name an API call: ``GET invoices``, ``POST projectExpenses/attachments``; empty for any other request."""
    call = CALL.match(request.url.path)
    return f"{request.method} {call['resource']}{call['part'] or ''}" if call else ""


def _fault(_request: Request) -> JsonResponse:
    return JsonResponse({"detail": "Internal error"}, 500)
