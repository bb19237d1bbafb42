"""The metrics for Prometheus: those of this process and those of the whole installation."""

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response, status
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.dependencies import ContainerDep
from web.security.auth import Open
from worker.container import Container

router = APIRouter(dependencies=[Open])

AREAS = {"webhooks": "webhook", "health": "health", "static": "static", "metrics": "metrics", "api": "api"}
"""The areas of the web by the first path segment, as the rest of a path may be secret; all others are pages."""


@router.get("/metrics")
def metrics(container: ContainerDep, authorization: Annotated[str, Header()] = "") -> Response:
    """Return the metrics for METRICS_TOKEN; 404 if no token is set, 401 for a wrong one."""
    if not container.settings.metrics_token.get_secret_value():
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    if not container.metrics.is_authorized(authorization):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    text = container.metrics.text() + container.installation_metrics.text()
    return Response(text, media_type=container.metrics.content_type)


@dataclass(frozen=True, kw_only=True)
class RequestMetrics:
    """Counts and traces each response; a missing one counts as 500."""

    app: ASGIApp
    container: Container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        area = AREAS.get(scope["path"].removeprefix("/").partition("/")[0], "page")  # it may be "*" as well
        status_code, began, responded_at = 500, time.perf_counter(), 0.0

        async def send_and_record(message: Message) -> None:
            nonlocal status_code, responded_at
            if message["type"] == "http.response.start":
                status_code, responded_at = message["status"], time.perf_counter()
            await send(message)

        try:
            with self.container.tracer.span(f"web {area}", {"method": scope["method"]}):
                await self.app(scope, receive, send_and_record)
        finally:
            seconds = (responded_at or time.perf_counter()) - began  # work after the response is not counted
            self.container.metrics.requests.labels(area, status_code).inc()
            self.container.metrics.request_seconds.labels(area).observe(seconds)
