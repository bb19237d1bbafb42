"""The SOAP client for 24SevenOffice: one for each process, shared by its threads and connections.

zeep writes the envelopes and reads the responses, by the WSDLs beside this file. We send the requests ourselves,
because the meaning of a failure depends on when it happens: until the request is out, nothing can have been saved;
after that, it may have been.
"""

import copy
import re
import threading
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import requests
import structlog
import zeep
from lxml import etree
from zeep.wsdl import Document

from integrations.host_guard import HostGuard, HostSilentError, Timeout
from integrations.remote_clock import RemoteClock
from integrations.transport import (
    BoundedAdapter,
    OnCall,
    OversizedAnswerError,
    ignore_call,
    open_session,
    was_sent,
)
from integrations.twentyfour import error_mapping
from integrations.twentyfour.budget import Budget
from integrations.twentyfour.schema_drift import SchemaDrift
from sync.engine import call_log
from sync.errors import SyncError

log = structlog.get_logger()

SoapValue: TypeAlias = Any  # zeep makes the types from the WSDL when it loads it

WSDLS = Path(__file__).parent / "wsdl"
WRITE_OPERATIONS = frozenset({"SaveCompanies", "SaveProject", "SaveBundleList"})
MAX_RESPONSE_BYTES = 16 * 1024 * 1024  # bytes; a year of a busy ledger is a fifth of that
MAX_TAGS = 1_000_000
"""Maximum tags of a response: 22,000 lines of the ledger, which take 8 s to read and 200 MB."""
LARGE_BYTES = 1024 * 1024
_reading_large = threading.Lock()
"""Held while a large response is read: several at a time would take more memory and be no faster."""
_TOO_DEEP = "Excessive depth"  # libxml2's error beyond 256 elements
_CONTROL_CHARACTERS = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]"
    rb"|&#x0*([0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]);"
    rb"|&#0*([0-8]|1[124-9]|2[0-9]|3[01]);",
    re.IGNORECASE,
)
"""Characters in pasted text that .NET writes although no XML parser accepts them."""
SETTINGS = zeep.Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)


@dataclass(frozen=True, slots=True)
class _Service:
    client: Any
    binding: Any
    address: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response, as far as zeep looks at it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class SoapClient:
    """Calls operations of 24SevenOffice's services.

    ``connect_seconds`` is the time-out for connecting and for a request to arrive, ``answer_seconds`` that of a
    whole call. ``threads`` may call at a time without waiting for a connection.
    """

    def __init__(  # noqa: PLR0913 - keyword-only
        self,
        *,
        api_url: str,
        web_url: str,
        budget: Budget,
        connect_seconds: float,
        answer_seconds: float,
        threads: int = 8,
        on_call: OnCall = ignore_call,
        remote_clock: RemoteClock | None = None,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.noted: dict[str, int] = {}  # values for all connections, set by the first that asks
        self._hosts = {"api.invalid": self.api_url, "webservices.invalid": web_url.rstrip("/")}
        self._budget = budget
        self._timeout = (connect_seconds, answer_seconds)
        self._host_guard = HostGuard()
        self._drift = SchemaDrift()
        self._services: dict[str, _Service] = {}
        self._loading = threading.Lock()
        self._cleaned: set[str] = set()
        # 24SevenOffice's sessions belong to a login, so the shared HTTP session must not keep cookies.
        self._session = open_session(
            lambda: BoundedAdapter(
                seconds=connect_seconds,
                max_bytes=MAX_RESPONSE_BYTES,
                pool_maxsize=threads,
                name=_operation,
                writes=lambda request: _operation(request) in WRITE_OPERATIONS,
                on_call=on_call,
                remote_clock=remote_clock,
            )
        )

    def with_budget(self, budget: Budget) -> Self:
        """Return the same client, with everything shared, whose requests are on this account of the budget."""
        twin = copy.copy(self)
        twin._budget = budget  # noqa: SLF001 - a copy of itself
        return twin

    def for_polls(self) -> Self:
        return self.with_budget(self._budget.for_polls())

    def call(self, service: str, operation: str, /, *, session_id: str = "", **arguments: object) -> SoapValue:
        """Call an operation; an array is returned as a list, and as None when it is empty.

        Raises SessionRefusedError if the session is not (or no longer) valid, and otherwise a SyncError by the
        table of :mod:`~integrations.twentyfour.error_mapping`. Arguments that the WSDL does not know are our
        mistake and raise zeep's errors.
        """
        called = self._service(service)
        envelope = called.client.create_message(called.client.service, operation, **arguments)
        answer = self._post(called, operation, etree.tostring(envelope, encoding="utf-8"), session_id)
        result = self._read(called, operation, answer)
        if operation == "SaveBundleList" and (heard := error_mapping.of_result(result)):
            raise _error_of(heard, operation)
        return result

    def _post(self, called: _Service, operation: str, message: bytes, session_id: str) -> _Answer:
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{called.binding.get(operation).soapaction}"',
        }
        if session_id:
            headers["Cookie"] = f"ASP.NET_SessionId={session_id}"
        try:
            with self._guarded(called.address, operation) as timeout:
                self._budget.acquire()
                with self._session.post(
                    called.address, message, headers=headers, timeout=timeout, allow_redirects=False
                ) as response:
                    answer = _Answer(response.status_code, response.headers, response.content)
        except HostSilentError as error:
            raise _error_of("held back", operation) from error
        except requests.RequestException as error:
            _record(operation, message, "no answer")
            raise _error_of(_silence(error), operation) from error
        except OversizedAnswerError as error:
            _record(operation, message, str(error))
            raise _error_of(f"too large: {error}", operation) from error
        _record(operation, message, answer.content)
        return answer

    def _guarded(self, address: str, operation: str) -> AbstractContextManager[Timeout]:
        return self._host_guard.call(
            address,
            caller=str(self._budget.connection_id),
            writes=operation in WRITE_OPERATIONS,
            timeout=self._timeout,
        )

    def _read(self, called: _Service, operation: str, answer: _Answer) -> SoapValue:
        retry_after = self._budget.record_response(answer.status_code, answer.headers)
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR}:
            raise _error_of(f"http {answer.status_code}", operation, retry_after=retry_after)
        if (kind := answer.headers.get("Content-Type", "").strip().lower()).startswith("multipart/"):
            raise _error_of(f"multipart: {kind.partition(';')[0]}", operation)
        if answer.content.count(b"<") > MAX_TAGS:
            raise _error_of(f"too many: more than {MAX_TAGS} tags", operation)
        answer = replace(answer, content=self._without_control_characters(operation, answer.content))
        try:
            with _reading_large if len(answer.content) > LARGE_BYTES else nullcontext():
                return called.binding.process_reply(called.client, called.binding.get(operation), answer)
        except zeep.exceptions.Fault as fault:
            heard = error_mapping.of_fault(fault.code, fault.message)
            raise _error_of(heard, operation, retry_after=self._budget.record_quarantine(heard)) from fault
        except Exception as error:  # whatever breaks the parser, the response is unreadable
            too_deep = _TOO_DEEP in str(error.__context__)
            way = "too deep" if too_deep else f"unreadable: HTTP {answer.status_code}"
            raise _error_of(way, operation) from error

    def _without_control_characters(self, operation: str, content: bytes) -> bytes:
        """Drop characters that XML cannot hold; log once for each operation that 24SevenOffice sends them."""
        if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            return content
        kept = _CONTROL_CHARACTERS.sub(b"", content)
        if kept != content and operation not in self._cleaned:
            self._cleaned.add(operation)
            log.warning("control_characters", operation=operation)
        return kept

    def _service(self, name: str) -> _Service:
        with self._loading:
            if name not in self._services:
                self._services[name] = self._load(name)
            return self._services[name]

    def _load(self, name: str) -> _Service:
        client = zeep.Client(_wsdl(name), settings=SETTINGS, plugins=[self._drift])
        port = client.wsdl.services[name].ports[name]
        placeholder = urlsplit(port.binding_options["address"])
        return _Service(client, port.binding, self._hosts[placeholder.netloc] + placeholder.path)


@cache
def _wsdl(name: str) -> Document:
    transport: Any = zeep.Transport()  # zeep's type hint says the class, but its code needs an instance
    return Document(str(WSDLS / f"{name}.wsdl"), transport, settings=SETTINGS)


def _operation(request: requests.PreparedRequest) -> str:
    return str(request.headers["SOAPAction"]).strip('"').rpartition("/")[2]


def _record(operation: str, message: bytes, answer: bytes | str) -> None:
    """Record a call, unless it contains a password or a document."""
    if operation not in {"Login", "GetIdentitiesWithCredential"}:
        call_log.record_call(
            operation, request=message, response="a chunk" if operation == "DownloadChunk" else answer
        )


def _silence(error: requests.RequestException) -> str:
    if not was_sent(error):
        return "unsent"
    return "late" if isinstance(error, requests.Timeout) else "silent"


def _error_of(heard: str, operation: str, *, retry_after: timedelta | None = None) -> SyncError:
    return error_mapping.error_of(heard, saves=operation in WRITE_OPERATIONS, retry_after=retry_after)
