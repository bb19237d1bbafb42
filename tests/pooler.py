"""A stand-in for a pooler before PostgreSQL that treats the start-up parameter ``options`` as PgBouncer does."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread
from urllib.parse import urlsplit

ENCRYPTION = (80877103, 80877104)
"""The codes with which a client asks for TLS or GSSAPI before anything else."""


@contextmanager
def pooler(database_url: str, *, ignores_options: bool = False, error: str = "") -> Iterator[str]:
    """Serve a pooler for the server of a database, and yield the URL through it.

    It refuses ``options``, unless it ``ignores_options``. With an ``error``, it responds only with that.
    """
    url = urlsplit(database_url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        upstream = (url.hostname or "", url.port or 0)
        Thread(target=_serve, args=(server, upstream, ignores_options, error), daemon=True).start()
        port = server.getsockname()[1]
        yield url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}").geturl()


def _serve(server: socket.socket, upstream: tuple[str, int], ignores_options: bool, error: str) -> None:  # noqa: FBT001 - a thread's
    with suppress(OSError):  # once it is closed
        while True:
            client, _ = server.accept()
            Thread(target=_forward, args=(client, upstream, ignores_options, error), daemon=True).start()


def _forward(client: socket.socket, upstream: tuple[str, int], ignores_options: bool, error: str) -> None:  # noqa: FBT001 - as above
    with closing(client), suppress(OSError):
        parameters = _start(client)
        if "options" in parameters and not ignores_options and not error:
            error = "unsupported startup parameter: options"
        if error:
            client.sendall(_message(b"E", b"SFATAL\0C08P01\0M" + error.encode() + b"\0\0"))
            return
        parameters.pop("options", None)
        with socket.create_connection(upstream) as server:
            pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
            server.sendall(_message(b"", struct.pack("!I", 196608) + pairs + b"\0"))
            back = Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _start(client: socket.socket) -> dict[str, str]:
    while True:
        length, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
        if code not in ENCRYPTION:
            words = client.recv(length - 8, socket.MSG_WAITALL).decode().split("\0")
            return {name: value for name, value in zip(words[::2], words[1::2], strict=False) if name}
        client.sendall(b"N")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
