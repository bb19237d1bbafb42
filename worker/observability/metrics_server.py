"""The HTTP server of a worker's metrics: few clients at a time, each with a deadline, since anyone may connect."""

import socket
import sys
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import structlog

from worker.observability.metrics import Metrics

MAX_CLIENTS = 10
"""Clients that are served at a time, each in its own thread; further ones are disconnected at once."""

CLIENT_SECONDS = 5
"""How long a client may take from connecting until it has the response."""

log = structlog.get_logger()


class MetricsServer(ThreadingHTTPServer):
    """Serves the metrics of one process to clients with its token."""

    def __init__(self, metrics: Metrics, *, port: int) -> None:
        self.metrics = metrics
        self._deadlines: dict[socket.socket, float] = {}
        super().__init__(("", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        if len(self._deadlines) >= MAX_CLIENTS:
            self.shutdown_request(request)
            return
        self._deadlines[request] = time.monotonic() + CLIENT_SECONDS
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Disconnect clients whose time is up, which ends their threads. Called twice a second at least."""
        now = time.monotonic()
        for request, deadline in list(self._deadlines.items()):
            if deadline < now:
                with suppress(OSError):  # it has just been closed
                    request.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as above
        super().shutdown_request(request)
        self._deadlines.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Log the error in one line; socketserver would print a traceback."""
        error = sys.exception()
        level = log.debug if isinstance(error, OSError) else log.error  # a client may vanish at any time
        level("metrics_request_failed", because=repr(error))


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version, sys_version = "moment24", ""

    def do_GET(self) -> None:
        if not self.server.metrics.is_authorized(self.headers.get("Authorization", "")):
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", "Bearer")
            self.end_headers()
            return
        text = self.server.metrics.text()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.server.metrics.content_type)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""


def serve(metrics: Metrics, *, port: int) -> MetricsServer:
    """Serve the metrics at a port on all addresses until shut down. Raises OSError if the port is in use."""
    server = MetricsServer(metrics, port=port)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
