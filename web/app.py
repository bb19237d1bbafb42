"""The web process: ``uvicorn --factory web.app:create_app``, without uvicorn's own log of requests.

That log would show the addresses of webhooks, which are secrets; what comes in is logged here, by connection.
"""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from config.logging import configure
from models.base import DatabaseUnavailable
from web import health, pages, webhooks
from worker.wiring import bridge

RETRY_AFTER_SECONDS = 30


def create_app() -> FastAPI:
    """Make the app from the settings in the environment."""
    settings = bridge().settings
    configure(settings.log_format, level=settings.log_level)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for router in (webhooks.router, health.router, pages.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.add_exception_handler(DatabaseUnavailable, _come_again)
    return app


async def _come_again(_request: Request, _error: Exception) -> JSONResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return JSONResponse({"detail": "The database is away. Please try again."}, 503, headers)
