"""The web process of a chaotic day."""

from fastapi import FastAPI

import web.app
from tests.chaos.processes import prepare


def create_app() -> FastAPI:
    """Make the product's own app in a process with short timeouts and crash points."""
    prepare()
    return web.app.create_app()
