"""An HTTP server that responds as a test says, well or badly, and records the requests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.http_server import Answer, Handler, running, sends

A_MIB = 1024 * 1024


@dataclass(frozen=True)
class Asked:
    what: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Remote:
    """``answers`` by request, such as "GET customers/7": each is used in turn, the last one repeatedly."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def times(self, what: str) -> int:
        return sum(asked.what == what for asked in self.asked)


def says(values: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return sends(json.dumps(values).encode(), status=status, headers=headers)


def pages(*contents: list[Any]) -> list[Answer]:
    told = {"size": 500, "totalPages": len(contents), "totalElements": sum(map(len, contents))}
    return [
        says({"content": content, "page": {"number": number, **told}}) for number, content in enumerate(contents)
    ]


def listing(
    rows: list[dict[str, object]],
    *,
    largest: int = 1000,
    most: int = 1000,
    asked_from: int = 0,
    told_from: int = 0,
) -> Answer:
    """Respond with the requested page, of at most ``most`` rows; one of more than ``largest`` is too large."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = dict(parse_qsl(urlsplit(handler.path).query))
        place, size = max(int(asked.get("page", 0)) - asked_from, 0), min(int(asked.get("size", 25)), most)
        content = rows[place * size : (place + 1) * size]
        page = {"number": place + told_from, "size": size, "totalElements": len(rows)}
        padding = "x" * (A_MIB if len(content) > largest else 0)
        page["totalPages"] = -(-len(rows) // size)
        says({"content": content, "page": page, "padding": padding})(handler)

    return answer


def rows_of(count: int) -> list[dict[str, object]]:
    return [{"id": number} for number in range(1, count + 1)]


@contextmanager
def serving(company: str = "1001") -> Iterator[Remote]:
    remote = Remote("")
    prefix = f"/companies/{company}/"

    class Moment(Handler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            what = f"{self.command} {path.removeprefix(prefix)}"
            remote.asked.append(Asked(what, query, dict(self.headers.items()), self.body()))
            answers = remote.answers.get(what) or [says({"detail": "not found"}, status=404)]
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    with running(Moment) as remote.url:
        yield remote
