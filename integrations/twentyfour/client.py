"""The SOAP client for 24SevenOffice: one for each process, shared by its threads and connections.

zeep writes envelopes and reads responses. We send the requests ourselves, as the meaning of a failure depends on
when it happens: until the request is sent, nothing can have been saved.
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
    OversizedResponseError,
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
"""Maximum tags of a response: 22,000 lines of the ledger, which take 8 seconds and 200 MB to read."""
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
    url: str


@dataclass(frozen=True, slots=True)
class _Response:
    """The part of a response that zeep reads."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class SoapClient:
    """Calls operations of 24SevenOffice's services.

    ``connect_seconds`` is the timeout for connecting and for a request to arrive, ``answer_seconds`` the timeout
    of a whole call. ``threads`` threads can call at a time without waiting for a connection.
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
        self.shared_values: dict[str, int] = {}  # for all connections, set by the first that needs one
        self._hosts = {"api.invalid": self.api_url, "webservices.invalid": web_url.rstrip("/")}
        self._budget = budget
        self._timeout = (connect_seconds, answer_seconds)
        self._host_guard = HostGuard()
        self._drift = SchemaDrift()
        self._services: dict[str, _Service] = {}
        self._loading = threading.Lock()
        self._cleaned: set[str] = set()
        # 24SevenOffice's sessions belong to a login, so the shared HTTP session must not keep their cookies.
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
        """Return the same client, with everything shared, whose requests are charged to this budget."""
        twin = copy.copy(self)
        twin._budget = budget  # noqa: SLF001 - a copy of itself
        return twin

    def for_polls(self) -> Self:
        return self.with_budget(self._budget.for_polls())

    def call(self, service: str, operation: str, /, *, session_id: str = "", **arguments: object) -> SoapValue:
        """Call an operation; an array is returned as a list, and as None when it is empty.

        Raises SessionRefusedError if the session is not valid, and otherwise a SyncError by the table of
        :mod:`~integrations.twentyfour.error_mapping`.
        """
        called = self._service(service)
        envelope = called.client.create_message(called.client.service, operation, **arguments)
        response = self._post(called, operation, etree.tostring(envelope, encoding="utf-8"), session_id)
        result = self._parse(called, operation, response)
        if operation == "SaveBundleList" and (line := error_mapping.of_result(result)):
            raise _error_of(line, operation)
        return result

    def _post(self, called: _Service, operation: str, message: bytes, session_id: str) -> _Response:
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{called.binding.get(operation).soapaction}"',
        }
        if session_id:
            headers["Cookie"] = f"ASP.NET_SessionId={session_id}"
        try:
            with self._guarded(called.url, operation) as timeout:
                self._budget.acquire()
                with self._session.post(
                    called.url, message, headers=headers, timeout=timeout, allow_redirects=False
                ) as received:
                    response = _Response(received.status_code, received.headers, received.content)
        except HostSilentError as error:
            raise _error_of("held back", operation) from error
        except requests.RequestException as error:
            _record(operation, message, "no answer")
            raise _error_of(_failure(error), operation) from error
        except OversizedResponseError as error:
            _record(operation, message, str(error))
            raise _error_of(f"too large: {error}", operation) from error
        _record(operation, message, response.content)
        return response

    def _guarded(self, url: str, operation: str) -> AbstractContextManager[Timeout]:
        return self._host_guard.call(
            url,
            caller=str(self._budget.connection_id),
            writes=operation in WRITE_OPERATIONS,
            timeout=self._timeout,
        )

    def _parse(self, called: _Service, operation: str, response: _Response) -> SoapValue:
        retry_after = self._budget.record_response(response.status_code, response.headers)
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR}:
            raise _error_of(f"http {response.status_code}", operation, retry_after=retry_after)
        if (media_type := response.headers.get("Content-Type", "").strip().lower()).startswith("multipart/"):
            raise _error_of(f"multipart: {media_type.partition(';')[0]}", operation)
        if response.content.count(b"<") > MAX_TAGS:
            raise _error_of(f"too many: more than {MAX_TAGS} tags", operation)
        response = replace(response, content=self._without_control_characters(operation, response.content))
        try:
            with _reading_large if len(response.content) > LARGE_BYTES else nullcontext():
                return called.binding.process_reply(called.client, called.binding.get(operation), response)
        except zeep.exceptions.Fault as fault:
            line = error_mapping.of_fault(fault.code, fault.message)
            raise _error_of(line, operation, retry_after=self._budget.record_quarantine(line)) from fault
        except Exception as error:  # whatever breaks the parser, the response is unreadable
            too_deep = _TOO_DEEP in str(error.__context__)
            line = "too deep" if too_deep else f"unreadable: HTTP {response.status_code}"
            raise _error_of(line, operation) from error

    def _without_control_characters(self, operation: str, content: bytes) -> bytes:
        """Drop characters that XML does not allow; log them once for each operation."""
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


def _record(operation: str, message: bytes, response: bytes | str) -> None:
    """Record a call, without passwords and documents."""
    if operation not in {"Login", "GetIdentitiesWithCredential"}:
        call_log.record_call(
            operation, request=message, response="a chunk" if operation == "DownloadChunk" else response
        )


def _failure(error: requests.RequestException) -> str:
    """Write a failed call without a response as a line for the error mapping."""
    if not was_sent(error):
        return "unsent"
    return "late" if isinstance(error, requests.Timeout) else "silent"


def _error_of(line: str, operation: str, *, retry_after: timedelta | None = None) -> SyncError:
    return error_mapping.error_of(line, saves=operation in WRITE_OPERATIONS, retry_after=retry_after)
