"""A program that receives events, as others would write it: with the verifier of Standard Webhooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from standardwebhooks import Webhook


class Program:
    """Verifies events with ``secret`` and records them; answers ``status``.

    With ``down``, it closes each connection without an answer.
    """

    def __init__(self) -> None:
        self.url = self.secret = ""
        self.status, self.down = 204, False
        self.answer = b""
        self.answer_headers: Mapping[str, str] = {}
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []

    def take(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.headers.append(dict(headers))
        event = Webhook(self.secret).verify(body, dict(headers))
        self.received.append((headers["webhook-id"], event))


@contextmanager
def program() -> Iterator[Program]:
    told = Program()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if told.down:
                self.connection.close()
                return
            told.take(body, dict(self.headers))
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.answer)), **told.answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing of a request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/events"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
