from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from sandbox.servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of its own thread, and tell its address."""
    server = Server(app, host="127.0.0.1", port=0)
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """Run the whole sandbox on free ports, and tell its addresses."""
    ports = [f"--{server}-port=0" for server in ("moment", "twentyfour", "mail", "smtp")]
    command = [sys.executable, "-W", "error", "-m", "sandbox", *ports, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("sandbox ready {")
        try:
            yield json.loads(ready.removeprefix("sandbox ready ")), process
        finally:
            process.terminate()
