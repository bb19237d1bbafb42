"""A SOAP server that responds as a test says, well or badly, and records the requests."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests import http_server
from tests.http_server import Answer, Handler, running

NAMESPACE = "http://24sevenOffice.com/webservices"
ACCOUNTING = "http://24sevenoffice.com/webservices/economy/accounting/"
SOAP = '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}</soap:Body></soap:Envelope>'


@dataclass(frozen=True)
class Asked:
    operation: str
    cookie: str
    body: str
    authorization: str
    user_agent: str


@dataclass
class Remote:
    """``answers`` by operation: each is used in turn, the last one repeatedly."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def times(self, operation: str) -> int:
        return sum(asked.operation == operation for asked in self.asked)


def says(operation: str, result: str, *, namespace: str = NAMESPACE, cookie: str = "") -> Answer:
    """Answer well: ``result`` is the content of the result element."""
    inner = f"<{operation}Result>{result}</{operation}Result>"
    answer = f'<{operation}Response xmlns="{namespace}">{inner}</{operation}Response>'
    return sends(SOAP.format(answer).encode(), Set_Cookie=cookie)


def faults(message: str, *, code: str = "soap:Server") -> Answer:
    fault = f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{message}</faultstring></soap:Fault>"
    return sends(SOAP.format(fault).encode(), status=500)


def sends(body: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    told = {"Content_Type": "text/xml; charset=utf-8"} | headers
    named = {name.replace("_", "-"): value for name, value in told.items()}
    return http_server.sends(body, status=status, headers=named, length=length)


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@contextmanager
def serving() -> Iterator[Remote]:
    remote = Remote("")

    class TwentyFour(Handler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.body().decode()
            operation = self.headers["SOAPAction"].strip('"').rpartition("/")[2]
            signed, agent = (self.headers.get(name, "") for name in ("Authorization", "User-Agent"))
            remote.asked.append(Asked(operation, self.headers.get("Cookie", ""), body, signed, agent))
            answers = remote.answers.get(operation) or [sends(b"not found", status=404)]
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    with running(TwentyFour) as remote.url:
        yield remote


def value_of(element: str, body: str) -> str:
    """Read the first element of that name in a request."""
    found = re.search(rf"<(?:\w+:)?{element}>([^<]*)<", body)
    assert found, f"no {element} in {body}"
    return found[1]
