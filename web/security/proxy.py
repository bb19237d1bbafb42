"""The address of a client, which is unknown behind a proxy that uvicorn does not trust."""

from dataclasses import dataclass

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger()


def unbelieved_proxy(request: HTTPConnection) -> str:
    """Return the address of a proxy that names its client but is not trusted; empty if there is none.

    If uvicorn trusts it, the request's client is one of those that it names.
    """
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).replace(" ", "").split(",")
    trusted = any(each == peer or each.startswith((f"{peer}:", f"[{peer}]")) for each in forwarded)
    return peer if any(forwarded) and not trusted else ""


def client_address(request: HTTPConnection) -> str:
    """Return the address of the client; empty if unknown, because a proxy is not trusted."""
    return "" if request.client is None or unbelieved_proxy(request) else request.client.host


@dataclass(kw_only=True)
class ProxyCheck:
    """Logs the first request of a proxy that is not trusted."""

    app: ASGIApp
    logged: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.logged and (proxy := unbelieved_proxy(HTTPConnection(scope))):
            self.logged = True
            log.warning("proxy_not_believed", proxy=proxy)
        await self.app(scope, receive, send)
