import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.servers import Server

DEMO_KEY = "moment-demo-key"


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free port of its own thread, and return its address."""
    server = Server(app, host="127.0.0.1", port=0)
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.should_exit = True
        thread.join()


class Host:
    """An app that passes requests to another one, which each test chooses.

    Starting and stopping a server takes a sixth of a second, which is more than most tests of a page take.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app
        self._busy += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._busy -= 1

    @contextmanager
    def serves(self, app: ASGIApp) -> Iterator[None]:
        """Pass requests to this app, until all have a response at the end."""
        self.app = app
        yield
        deadline = time.monotonic() + 10
        while self._busy:
            assert time.monotonic() < deadline, "A request is still not answered."
            time.sleep(0.001)


class Systems(dict[str, str]):
    """The addresses of Moment, 24SevenOffice and the mail server."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        super().__init__(addresses)
        self._http = requests.Session()
        self._http.trust_env = False

    def control(self, system: str, method: str, path: str, body: object = None, *, key: str = DEMO_KEY) -> Any:
        """Do something in a system as its own users do, and return the response."""
        url = f"{self[system]}/{path}"
        answer = self._http.request(method, url, json=body, auth=("apikey", key), timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._http.close()


@contextmanager
def sandbox(*arguments: str) -> Iterator[tuple[Systems, subprocess.Popen[str]]]:
    """Run the whole sandbox on free ports, and return its addresses."""
    ports = [f"--{server}-port=0" for server in ("moment", "twentyfour", "mail", "smtp")]
    command = [sys.executable, "-W", "error", "-m", "sandbox", *ports, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("sandbox ready {")
        systems = Systems(json.loads(ready.removeprefix("sandbox ready ")))
        try:
            yield systems, process
        finally:
            systems.close()
            process.terminate()
