"""The security headers of every response, including those of the framework's own errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
"""The size of a request body: more than any form or webhook needs."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
YEAR_SECONDS = 365 * 24 * 3600

SECRET_URLS = ("/sign-in/link/",)
"""Pages whose URLs contain a secret. Files that they load would carry it as their referrer, into a proxy's log."""


@dataclass(frozen=True, kw_only=True)
class SecurityHeaders:
    app: ASGIApp
    https: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"]
                static, secret = path.startswith("/static/"), path.startswith(SECRET_URLS)
                headers = _headers(static=static, secret=secret, https=self.https)
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self.app(scope, receive, send_protected)


@cache
def _headers(*, static: bool, secret: bool, https: bool) -> Sequence[tuple[bytes, bytes]]:
    """Encode the headers once; no page sets any of them itself."""
    headers = {
        "Cache-Control": "no-cache" if static else "no-store",  # the ETag makes it cheap
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # With less, browsers would not say where a form came from.
        "Referrer-Policy": "strict-origin" if secret else "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    } | ({"Strict-Transport-Security": f"max-age={YEAR_SECONDS}"} if https else {})
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
