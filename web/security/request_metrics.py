"""How often and how fast the web answers, by its parts: paths name records, and that of a webhook is a secret."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.container import get_container

PARTS = {"webhooks": "webhook", "health": "health", "static": "static", "metrics": "metrics"}
"""The parts by the beginning of their paths; all else are pages."""


class RequestMetrics:
    """Counts and traces each answer; one that never came counts as 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look how that goes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        part = PARTS.get(scope["path"].split("/")[1], "page")
        status, began, answered = 500, time.perf_counter(), 0.0

        async def noting(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
            await send(message)

        try:
            with get_container().tracer.span(f"web {part}", {"method": scope["method"]}):
                await self._app(scope, receive, noting)
        finally:
            seconds = (answered or time.perf_counter()) - began  # what is done after the answer is not counted
            get_container().metrics.request_answered(part, status=status, seconds=seconds)
