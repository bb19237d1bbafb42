import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web import server
from web.server import MAX_CONNECTIONS, MAX_HEADER_BYTES, OPTIONS

SECONDS = 0.3


async def echo(request: Request) -> Response:
    return Response(str(len(await request.body())))


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """An app behind the server of the web process."""
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    running = uvicorn.Server(uvicorn.Config(lambda: app, log_config=None, lifespan="off", **OPTIONS))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=running.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        running.should_exit = True
        thread.join()


def answer_to(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Send a request piece by piece, and return everything received until the server closes the connection."""
    with socket.create_connection(address, timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            return b"".join(iter(lambda: connection.recv(4096), b""))
        except ConnectionError:
            return b"closed"


def test_a_request_as_long_as_our_longest_is_answered(address: tuple[str, int]) -> None:
    url = f"http://{address[0]}:{address[1]}/"
    headers = {"X-Long": "x" * (MAX_HEADER_BYTES - 500)}
    with requests.Session() as session:
        for _ in range(3):
            response = session.post(url, data=b"x" * 65536, headers=headers, timeout=10)
            assert (response.status_code, response.text) == (200, "65536")
    assert "Server" not in response.headers


@pytest.mark.parametrize("name", ["X-Long: ", "X" * 10])
def test_an_endless_header_is_refused_at_once(address: tuple[str, int], name: str) -> None:
    start = f"GET / HTTP/1.1\r\nHost: x\r\n{name}".encode()
    began = time.monotonic()
    answer = answer_to(address, start, *[b"x" * 1024] * 4096)
    assert answer == b"closed" or answer.startswith(b"HTTP/1.1 431 ")
    assert time.monotonic() - began < 10


def test_trailers_after_a_body_are_limited_too(address: tuple[str, int]) -> None:
    start = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Long: "
    assert b"200 OK" not in answer_to(address, start, *[b"x" * 1024] * 4096)


@pytest.mark.parametrize("requests_before", [0, 1])
def test_headers_that_do_not_arrive_time_out(
    address: tuple[str, int], requests_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_HEADER_SECONDS", SECONDS)
    with socket.create_connection(address, timeout=20) as connection:
        for _ in range(requests_before):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).endswith(b"\r\n\r\n0")
        began = time.monotonic()
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert connection.recv(4096) == b""
    assert SECONDS / 2 < time.monotonic() - began < 4  # less than an idle connection is kept


def test_a_silent_connection_is_closed(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_HEADER_SECONDS", SECONDS)
    with socket.create_connection(address, timeout=4) as connection:
        assert connection.recv(4096) == b""


def test_the_number_of_connections_is_limited(address: tuple[str, int]) -> None:
    idle = [socket.create_connection(address, timeout=20) for _ in range(MAX_CONNECTIONS)]
    try:
        refused = requests.get(f"http://{address[0]}:{address[1]}/", timeout=10)
    finally:
        for connection in idle:
            connection.close()
    assert refused.status_code == 503
