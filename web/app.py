"""The web process: ``uvicorn --factory web.app:create_app``, without uvicorn's own log of requests.

That log would show the addresses of webhooks, which are secrets; what comes in is logged here, by connection.
"""

import gc
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from config.logging import configure
from web import health, metrics, webhooks
from web.errors import add_error_pages
from web.pages import (
    account,
    actions,
    audit,
    changes,
    connections,
    errands,
    expenses,
    mails,
    openid,
    overview,
    questions,
    reasons,
    setup,
    signing,
    users,
)
from web.protection import ProtectedApp
from worker.wiring import bridge

ROUTERS = (
    webhooks.router,
    health.router,
    metrics.router,
    overview.router,
    actions.router,
    changes.router,  # after the one before, which has /changes/confirm
    questions.router,
    expenses.router,
    mails.router,
    audit.router,
    connections.router,
    setup.router,  # after the one before, which has /connections/new
    errands.router,
    account.router,
    openid.router,
    reasons.router,
    signing.router,
    users.router,
)


def create_app() -> FastAPI:
    """Make the app from the settings in the environment."""
    settings = bridge().settings
    configure(settings.log_format, level=settings.log_level)
    app = ProtectedApp()
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    add_error_pages(app)
    gc.freeze()  # what is loaded stays; to look through it for garbage would stop all requests for a while
    return app
