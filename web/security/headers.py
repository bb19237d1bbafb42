"""The security headers of every response, including those of the framework's own errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.metrics import RequestMetrics
from web.security.cookies import is_https
from web.security.proxy import ProxyCheck
from worker.container import Container

MAX_BODY_BYTES = 64 * 1024
"""The size of a body: more than any form or webhook needs."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
YEAR_SECONDS = 365 * 24 * 3600


class SecureApp(FastAPI):
    """An app whose responses all have the headers, and that refuses bodies longer than MAX_BODY_BYTES: 413."""

    def __init__(self, container: Container, *, api: ASGIApp) -> None:
        super().__init__(
            docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, max_body_size=MAX_BODY_BYTES
        )
        self._container, self._api = container, api

    def build_middleware_stack(self) -> ASGIApp:
        """Add the headers to everything, including the last error handler, and count responses."""
        pages, container = super().build_middleware_stack(), self._container
        protected = _SecurityHeaders(
            app=_ApiBeside(pages=pages, api=self._api, container=container), https=is_https(container)
        )
        return RequestMetrics(app=ProxyCheck(app=protected), container=container)


@dataclass(frozen=True, kw_only=True)
class _ApiBeside:
    """Passes requests for the API to it, past everything that is for pages: the API handles all its errors.

    Both find the container in the state of the request.
    """

    pages: ASGIApp
    api: ASGIApp
    container: Container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "state": {"container": self.container}}
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await self.api({**scope, "root_path": "/api/v1"}, receive, send)
        else:
            await self.pages(scope, receive, send)


@dataclass(frozen=True, kw_only=True)
class _SecurityHeaders:
    app: ASGIApp
    https: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                static = scope["path"].startswith("/static/")
                message["headers"] = [*message["headers"], *_headers(static=static, https=self.https)]
            await send(message)

        await self.app(scope, receive, send_protected)


@cache
def _headers(*, static: bool, https: bool) -> Sequence[tuple[bytes, bytes]]:
    """Encode the headers once; no page sets any of them itself."""
    told = {
        "Cache-Control": "no-cache" if static else "no-store",  # the ETag makes it cheap
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Referrer-Policy": "same-origin",  # with less, browsers would not say where a form came from
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    } | ({"Strict-Transport-Security": f"max-age={YEAR_SECONDS}"} if https else {})
    return [(name.lower().encode(), value.encode()) for name, value in told.items()]
