"""The web process: ``python -m web --host 127.0.0.1 --port 8000``."""

import sys

import click
import uvicorn

from config.settings import Settings, WrongSettingsError, read_settings
from web.server import OPTIONS

SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter: a webhook may wait that long for a page's computation."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, default=8000, show_default=True)
@click.option("--app", default="web.app:create_app", hidden=True)
def serve(host: str, port: int, app: str) -> None:
    """Serve the pages and the webhooks until SIGTERM."""
    try:
        read_settings(Settings)
    except WrongSettingsError as error:
        raise click.ClickException(str(error)) from None
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(app, host=host, port=port, **OPTIONS)


if __name__ == "__main__":
    serve()
