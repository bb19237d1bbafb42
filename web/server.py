"""The HTTP server: uvicorn, with limits on the headers of a request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web.security.headers import MAX_BODY_BYTES

MAX_HEADER_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = MAX_HEADER_BYTES + 8 * MAX_BODY_BYTES
"""Maximum size of a request's headers on the wire, including those of a body's chunks."""

MAX_HEADER_SECONDS = 10
"""How long headers may take to arrive; for the first request, from the connection on."""

MAX_CONNECTIONS = 500
"""Maximum number of open connections; requests on others get 503."""

TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Gives up a request whose headers are too long or take too long; httptools itself has no limit.

    Bodies are limited in the app. Trailers after a chunked body are limited here too.
    """

    _received = 0
    _has_headers = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
        super().connection_made(transport)
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        if not self._received and self._deadline is None:
            self._start_deadline()
        self._received += len(data)
        super().data_received(data)
        if self._received > (MAX_MESSAGE_BYTES if self._has_headers else MAX_HEADER_BYTES):
            self.transport.write(b"" if self._has_headers else TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._has_headers = True
        self._cancel_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._received, self._has_headers = 0, False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        super().connection_lost(exc)

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(MAX_HEADER_SECONDS, self.transport.close)

    def _cancel_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


OPTIONS: dict[str, Any] = {
    "factory": True,
    "http": BoundedProtocol,
    "ws": "none",
    "access_log": False,  # the addresses of webhooks are secrets
    "server_header": False,
    "limit_concurrency": MAX_CONNECTIONS,
    "timeout_graceful_shutdown": 5,
}
"""uvicorn's settings."""
