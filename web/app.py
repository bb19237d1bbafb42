"""The app of the web process: pages, webhooks, health and metrics."""

import gc
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from config.logging import configure
from web import health, metrics, webhooks
from web.api.app import create_api
from web.errors import add_error_pages
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
from web.security.cookies import is_https
from web.security.headers import SecureApp
from worker.container import get_container

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


def create_app() -> FastAPI:
    container = get_container()
    container.load(remote=False)
    configure(container.settings.log_format, level=container.settings.log_level)
    container.warn_of_lax_settings()
    if is_https(container) and not container.settings.forwarded_allow_ips:
        log.warning("proxy_not_named", public_url=container.settings.public_url)
    app = SecureApp(container, api=create_api(container))
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    add_error_pages(app)
    gc.freeze()  # loaded modules stay; collecting them would only stop all requests for a while
    return app
