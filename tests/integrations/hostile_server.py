"""A hostile remote system: it responds to each request with raw bytes, as long as the client reads."""

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from threading import Thread

Answer = Callable[[], Iterator[bytes]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"


def sends(*pieces: bytes) -> Answer:
    return lambda: iter(pieces)


def floods(start: bytes, piece: bytes) -> Answer:
    return lambda: chain([start], repeat(piece))


def drips(start: bytes, drop: bytes) -> Answer:
    """Send a little at a time, each well within any timeout."""

    def answer() -> Iterator[bytes]:
        yield start
        while True:
            time.sleep(0.02)
            yield drop

    return answer


def _bomb(levels: int) -> bytes:
    body = bytes(64 * 1024 * 1024)
    for _ in range(levels):
        body = gzip.compress(body, 1)
    encoding = b", ".join([b"gzip"] * levels)
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body


TOO_SLOW = {
    "status": drips(b"HTTP/1.1 200 ", b"O"),
    "header": drips(OK + b"X: ", b"x"),
    "continue": drips(b"", CONTINUE),
    "body": drips(OK + b"Content-Length: 10000\r\n\r\n", b" "),
    "body without length": drips(OK + b"\r\n", b" "),
    "chunk": drips(CHUNKED, b"1\r\n \r\n"),
    "chunk length": drips(CHUNKED, b"0"),
    "trailer": drips(CHUNKED + b"0\r\n", b"X: x\r\n"),
}
"""Responses that send a byte now and then, forever."""

TOO_LARGE = {
    "continue": floods(b"", CONTINUE * 1000),
    "headers": floods(OK, b"X: " + b"x" * 60_000 + b"\r\n"),
    "claimed length": sends(OK + b"Content-Length: 5368709120\r\n\r\n{"),
    "body without length": floods(OK + b"\r\n", bytes(65536)),
    "chunks": floods(CHUNKED, CHUNK),
    "trailers": floods(CHUNKED + b"0\r\n", b"X: " + b"x" * 60_000 + b"\r\n"),
    "packed": sends(_bomb(1)),
    "packed twice": sends(_bomb(2)),
}
"""Responses that are longer than the limit."""


@contextmanager
def serving(answer: Answer, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve such a response, once for each connection, and yield the URL."""
    ending = False

    def serve(wire: socket.socket) -> None:
        with wire, suppress(OSError):
            wire.recv(65536)
            for piece in answer():
                if ending:
                    return
                wire.sendall(piece)
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(65536):
                pass

    def listen() -> None:
        with suppress(OSError):
            while True:
                wire, _ = server.accept()
                wire.settimeout(5)
                if tls:
                    wire = tls.wrap_socket(wire, server_side=True)
                Thread(target=serve, args=[wire], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ending = True
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
