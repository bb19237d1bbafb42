"""A program that receives events, as others would write it: with the verifier of Standard Webhooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from standardwebhooks import Webhook

from tests.http_server import Handler, running


class Program:
    """Verifies events with ``secret`` and records them; responds with ``status``.

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

    class Receiver(Handler):
        def answer(self) -> None:
            body = self.body()
            if told.down:
                self.connection.close()
                return
            told.take(body, dict(self.headers))
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.answer)), **told.answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.answer)

    with running(Receiver) as url:
        told.url = f"{url}/events"
        yield told
