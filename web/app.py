"""The app of the web process: pages, webhooks, health and metrics, with the API mounted beside them."""

import gc
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from config.logging import configure
from web import health, metrics, webhooks
from web.api.app import PREFIX, create_api
from web.errors import add_error_pages
from web.metrics import RequestMetrics
from web.pages import (
    account,
    connection,
    connection_actions,
    connection_settings,
    connections,
    dashboard,
    error_codes,
    logs,
    onboarding,
    operations,
    password_links,
    receivers,
    reconciliation,
    records,
    second_factor,
    sign_in,
    tokens,
    users,
)
from web.security.client import ProxyCheck
from web.security.cookies import is_https
from web.security.headers import MAX_BODY_BYTES, SecurityHeaders
from worker.container import Container, get_container

log = structlog.get_logger()

ROUTERS = (
    webhooks.router,
    health.router,
    metrics.router,
    dashboard.router,
    records.router,
    logs.router,
    connection_actions.router,  # before the two that follow, which have /connections/{connection_id}
    connections.router,
    connection.router,  # after the one before, which has /connections/new
    connection_settings.router,
    reconciliation.router,
    onboarding.router,
    operations.router,
    account.router,
    second_factor.router,
    error_codes.router,
    sign_in.router,
    password_links.router,
    users.router,
    tokens.router,
    receivers.router,
)


class WebApp(FastAPI):
    """The pages, with the API beside them.

    All responses are counted and have the security headers. Bodies longer than MAX_BODY_BYTES are refused: 413.
    """

    def __init__(self, container: Container) -> None:
        super().__init__(
            docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, max_body_size=MAX_BODY_BYTES
        )
        self._container, self._api = container, create_api(container)

    def build_middleware_stack(self) -> ASGIApp:
        """Put the API and the headers around the pages, including their last error handler."""
        pages, container = super().build_middleware_stack(), self._container
        mounted = _ApiMount(pages=pages, api=self._api, container=container)
        protected = SecurityHeaders(app=mounted, https=is_https(container))
        return RequestMetrics(app=ProxyCheck(app=protected), container=container)


@dataclass(frozen=True, kw_only=True)
class _ApiMount:
    """Passes requests under ``/api/`` to the API, past the middleware of the pages: it handles all its errors.

    Both find the container in the state of the request.
    """

    pages: ASGIApp
    api: ASGIApp
    container: Container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "state": {"container": self.container}}
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await self.api({**scope, "root_path": PREFIX}, receive, send)
        else:
            await self.pages(scope, receive, send)


def create_app() -> FastAPI:
    container = get_container()
    container.load(remote=False)
    configure(container.settings.log_format, level=container.settings.log_level)
    container.warn_about_session_settings()
    if is_https(container) and not container.settings.forwarded_allow_ips:
        log.warning("trusted_proxy_not_set", public_url=container.settings.public_url)
    app = WebApp(container)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    add_error_pages(app)
    gc.freeze()  # loaded modules stay in memory; scanning them again would only delay requests
    return app
