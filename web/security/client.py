"""The client of a request: its address, unknown behind a proxy that uvicorn does not trust, and its device."""

from dataclasses import dataclass

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger()

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Parts of a User-Agent with the names that people use: each browser claims to be those below it."""

SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def untrusted_proxy(request: HTTPConnection) -> str:
    """Return the address of a proxy that names its client but is not trusted; empty if there is none.

    If uvicorn trusts it, the request's client is one of those that it names.
    """
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).replace(" ", "").split(",")
    trusted = any(each == peer or each.startswith((f"{peer}:", f"[{peer}]")) for each in forwarded)
    return peer if any(forwarded) and not trusted else ""


def client_address(request: HTTPConnection) -> str:
    """Return the address of the client; empty if unknown, because a proxy is not trusted."""
    return "" if request.client is None or untrusted_proxy(request) else request.client.host


@dataclass(kw_only=True)
class ProxyCheck:
    """Logs the first request of a proxy that is not trusted."""

    app: ASGIApp
    logged: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.logged and (proxy := untrusted_proxy(HTTPConnection(scope))):
            self.logged = True
            log.warning("proxy_not_trusted", proxy=proxy)
        await self.app(scope, receive, send)


def device_name(request: HTTPConnection) -> str:
    """Return browser and system, such as ``Firefox, Windows``; unknown parts are left out."""
    user_agent = request.headers.get("User-Agent", "")
    found = (next((name for mark, name in names if mark in user_agent), "") for names in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, found))
