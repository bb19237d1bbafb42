"""Sends many requests at once, with little CPU, because our own CPU would distort the measurement."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """A request: a path, a body and, if needed, the ``Authorization``."""

    method: str
    path: str
    body: bytes = b""
    authorization: str = ""

    def packed(self, host: str) -> bytes:
        """Return the bytes of the HTTP request."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += ["Content-Type: application/json"] if self.body else []
        lines += [f"Authorization: {self.authorization}"] if self.authorization else []
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: the seconds that it took, and when it came (``at``, :func:`time.time`)."""

    status: int
    body: bytes
    seconds: float
    at: float


def send_all(address: str, requests: Sequence[Request], *, connections: int) -> list[Answer]:
    """Send as fast as possible over ``connections`` persistent connections; return the responses in request order."""
    return asyncio.run(_share(address, requests, connections=connections, gap=0))


def send_evenly(address: str, requests: Sequence[Request], *, connections: int, per_second: float) -> list[Answer]:
    """Send ``per_second`` in each second; a delayed request is timed from when it was due."""
    return asyncio.run(_share(address, requests, connections=connections, gap=1 / per_second))


async def _share(address: str, requests: Sequence[Request], *, connections: int, gap: float) -> list[Answer]:
    began = time.perf_counter() + 0.1
    turns = iter([(place, began + place * gap if gap else 0.0) for place in range(len(requests))])
    answers: dict[int, Answer] = {}

    async def work() -> None:
        url = urlsplit(address)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for place, due in turns:
            if due:
                await asyncio.sleep(max(due - time.perf_counter(), 0))
            start = due or time.perf_counter()
            writer.write(requests[place].packed(url.netloc))
            status, body = await _read(reader)
            answers[place] = Answer(status, body, time.perf_counter() - start, time.time())
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(work() for _ in range(min(connections, len(requests)))))
    return [answers[place] for place in range(len(requests))]


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
        0,
    )
    return int(head[9:12]), await reader.readexactly(length)
