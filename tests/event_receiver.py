"""A program that receives events and verifies them with the library of Standard Webhooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from standardwebhooks import Webhook

from tests.http_server import Handler, running


class Program:
    """Verifies events with ``secret`` and records them; responds with ``status``.

    If it is ``down``, it closes each connection without a response.
    """

    def __init__(self) -> None:
        self.url = self.secret = ""
        self.status, self.down = 204, False
        self.answer = b""
        self.answer_headers: Mapping[str, str] = {}
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []

    def receive(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.headers.append(dict(headers))
        event = Webhook(self.secret).verify(body, dict(headers))
        self.received.append((headers["webhook-id"], event))


@contextmanager
def program() -> Iterator[Program]:
    receiver = Program()

    class Receiver(Handler):
        def answer(self) -> None:
            body = self.body()
            if receiver.down:
                self.connection.close()
                return
            receiver.receive(body, dict(self.headers))
            self.send_response(receiver.status)
            for name, value in {"Content-Length": str(len(receiver.answer)), **receiver.answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.answer)

    with running(Receiver) as url:
        receiver.url = f"{url}/events"
        yield receiver
