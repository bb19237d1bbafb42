import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
from pydantic import SecretStr

from tests.installation import eventually
from worker.observability import metrics_server
from worker.observability.metrics import Metrics
from worker.observability.metrics_server import MAX_CLIENTS, serve

TOKEN = "let-me-in"
RESET = struct.pack("ii", 1, 0)
"""The option SO_LINGER of a socket that resets its connection when it is closed."""


@contextmanager
def serving(metrics: Metrics) -> Iterator[int]:
    server = serve(metrics, port=0)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    with serving(Metrics(SecretStr(TOKEN))) as port:
        yield port


def scrape(port: int, authorization: str | None = f"Bearer {TOKEN}") -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return requests.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=10)


def can_scrape(port: int) -> bool:
    try:
        return scrape(port).ok
    except requests.ConnectionError:
        return False


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_worker_exposes_its_metrics_to_holders_of_the_token(port: int) -> None:
    allowed = scrape(port)
    assert (allowed.status_code, "moment24_tasks_running 0.0" in allowed.text) == (200, True)
    assert "Python" not in allowed.headers["Server"]
    for authorization in (None, "Bearer ", "Bearer let-me-out"):
        refused = scrape(port, authorization)
        assert (refused.status_code, refused.text) == (401, "")


def test_a_worker_without_a_token_exposes_nothing() -> None:
    with serving(Metrics(SecretStr(""))) as port:
        assert scrape(port, "Bearer ").status_code == 401


def test_clients_that_send_nothing_take_few_threads_and_are_disconnected(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "CLIENT_SECONDS", 2)
    before = threading.active_count()
    with ExitStack() as silent:
        for _ in range(MAX_CLIENTS):
            silent.enter_context(connect(port))
        eventually(lambda: threading.active_count() == before + MAX_CLIENTS)
        assert not can_scrape(port)
        assert threading.active_count() <= before + MAX_CLIENTS
        eventually(lambda: can_scrape(port))


def test_a_client_that_sends_slowly_is_disconnected(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "CLIENT_SECONDS", 0.5)
    with connect(port) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        slow.settimeout(0.1)
        eventually(lambda: is_disconnected_after_another_byte(slow))


def is_disconnected_after_another_byte(client: socket.socket) -> bool:
    try:
        client.sendall(b"A")
        return not client.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"GET /metrics",
        b"\x16\x03\x01\x02\r\n\r\n",
        b"GET /metrics HTTP/nonsense\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_broken_request_prints_no_traceback(
    port: int, request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    with connect(port) as client:
        client.sendall(request_)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    assert can_scrape(port)
    eventually(lambda: threading.active_count() <= before)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_an_error_while_serving_metrics_is_logged_in_one_line(
    port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_self: Metrics) -> bytes:
        raise ValueError("No metrics today.")

    monkeypatch.setattr(Metrics, "text", fail)
    assert not can_scrape(port)
    logged = "".join(capfd.readouterr())
    assert "metrics_request_failed" in logged
    assert "No metrics today." in logged
    assert "Traceback" not in logged
