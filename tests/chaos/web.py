"""The web process of a chaotic day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import web.app
from tests.chaos.processes import prepare

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app() -> FastAPI:
    """Make the product's own app in a process that is in a hurry and mortal."""
    prepare()
    return web.app.create_app()
