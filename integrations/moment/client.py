"""The HTTP client for Moment: each call has a timeout and a size limit, is made once, and raises our errors."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from io import SEEK_END
from threading import Lock
from typing import BinaryIO, Generic, Literal, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests
from cachetools import TTLCache
from pydantic import SecretStr
from requests.auth import HTTPBasicAuth

from i18n.messages import Message, msg
from integrations.host_guard import HostGuard, HostSilentError
from integrations.moment.bounded_json import MAX_VALUES, TooDeepError, TooManyValuesError, parse
from integrations.moment.error_mapping import Call
from integrations.moment.field_labels import LIST_LABELS
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.moment.list_reader import ListReader, Values
from integrations.remote_clock import RemoteClock
from integrations.transport import BoundedAdapter, OnCall, OversizedResponseError, ignore_call, open_session
from sync.engine import call_log
from sync.error_codes.names import TOO_DEEP, TOO_LARGE, TOO_MANY_ROWS
from sync.errors import RejectedError

K = TypeVar("K")
V = TypeVar("V")

Access = tuple[str, SecretStr]
"""A company with its key: data read with a key is returned only for that key."""

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_PLAIN = frozenset(" -_.,&()+")
READ_AHEAD_THREADS = 50
"""Records that a process reads ahead at a time: the size of the largest batch."""


def pooled_session(
    *,
    connections: int = 10,
    connect_seconds: float = 10,
    on_call: OnCall = ignore_call,
    remote_clock: RemoteClock | None = None,
) -> requests.Session:
    """Make the session of a process. Its requests arrive within ``connect_seconds`` or never."""
    session = open_session(
        lambda: BoundedAdapter(
            seconds=connect_seconds,
            max_bytes=MAX_RESPONSE_BYTES,
            pool_maxsize=connections,
            name=_operation,
            writes=lambda request: request.method != "GET",
            on_call=on_call,
            remote_clock=remote_clock,
        )
    )
    session.headers["Accept"] = "application/json"
    return session


class ReadCache(Generic[K, V]):
    """A cache of data that a process has read in the last five minutes; threads may share it."""

    def __init__(self, maxsize: int) -> None:
        self._values: TTLCache[K, V] = TTLCache(maxsize, ttl=300)
        self._lock = Lock()

    def get(self, key: K, *, read: Callable[[], V | None], suffices: Callable[[V], bool] = bool) -> V | None:
        """Return the cached value, or read it again if it does not suffice; missing records are not cached."""
        with self._lock:
            value = self._values.get(key)
        if value is None or not suffices(value):
            value = read()
            if value is not None:
                with self._lock:
                    self._values[key] = value
        return value


@dataclass(frozen=True, kw_only=True)
class MomentSite:
    """The access to Moment that all connections of a process share.

    ``record_url`` is the URL of a record's page, with ``{company}``, ``{kind}`` and ``{id}``.
    ``customer_includes`` are the fields to include when a customer is read (M20). ``answer_seconds`` is the
    timeout of a whole call, from connecting to the last byte of the response. ``charts`` caches the financial
    accounts of companies by id, so a changed tax code takes effect later.
    """

    url: str
    record_url: str
    connect_seconds: float
    answer_seconds: float
    customer_includes: str = "base+email+phone+addresses"
    session: requests.Session = field(default_factory=pooled_session)
    host_guard: HostGuard = field(default_factory=HostGuard)
    charts: ReadCache[Access, Mapping[str, Fields]] = field(default_factory=partial(ReadCache, 500))
    project_ids: ReadCache[tuple[Access, int], str] = field(default_factory=partial(ReadCache, 10_000))
    read_ahead_pool: Executor = field(default_factory=partial(ThreadPoolExecutor, READ_AHEAD_THREADS, "moment"))


class _NoSuchListError(Exception):
    """Moment has no such list."""


class Upload:
    """A form with one file (assumption M4), sent once and in pieces, so that no whole file is in memory.

    ``content`` is read from its position to its end. Characters of ``name`` other than letters, digits, space and
    ``-_.,&()+`` become hyphens.
    """

    def __init__(self, content: BinaryIO, *, name: str, media_type: str) -> None:
        boundary = uuid4().hex
        plain = "".join(c if c.isalnum() or c in _PLAIN else "-" for c in name)
        self.media_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{plain}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        ).encode()
        self._content = content
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(self._head) + _remaining(content) + len(self._tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from iter(partial(self._content.read, _CHUNK), b"")
        yield self._tail


class MomentClient:
    """The API for one company. Each call may raise the errors of :mod:`integrations.moment.error_mapping`."""

    def __init__(self, site: MomentSite, *, company: str, api_key: SecretStr) -> None:
        self._site = site
        self._company = company
        self._auth = HTTPBasicAuth(b"apikey", api_key.get_secret_value().encode())

    def record(self, resource: str, record_id: str, *, includes: str = "") -> Values | None:
        """Read a record; None if Moment has none with this id (assumption M5).

        ``includes`` names fields that Moment otherwise leaves out, such as "base+email" (M20). Raises
        MisconfiguredError if Moment has the record but does not include them, so that the record does not seem to
        be missing.
        """
        call, path = self._read_call(resource), f"{resource}/{quote(record_id, safe='')}"
        if not includes:
            return self._record(call, path, record_id)
        try:
            values = self._record(call, f"{path}/include/{quote(includes, safe='+,')}", record_id)
        except RejectedError:
            values = None
        if values is None and self._record(call, path, record_id) is not None:
            raise call.not_included(includes)
        return values

    def _record(self, call: Call, path: str, record_id: str) -> Values | None:
        values = self._send(call, "GET", path)
        if values is not None and str(values.get("id")) != record_id:
            raise call.unusable_response(msg("responded with something other than the record"))
        return values

    def sublist(self, path: str) -> Sequence[Values] | None:
        """Read a list that belongs to a record; None if Moment has no such record."""
        call = self._read_call(path)
        try:
            return list(ListReader(call, partial(self._page, call, path, {}), paged=False).rows())
        except _NoSuchListError:
            return None

    def matching(self, resource: str, name: str, value: str) -> Iterator[Values]:
        """Yield the records whose field ``name`` is ``value``, even if Moment does not filter by it."""
        for row in self.pages(resource, {name: value}):
            if str(row.get(name)) == value and id_of(row.get("id")):
                yield row

    def find(self, resource: str, name: str, value: str) -> str | None:
        return next((id_of(row.get("id")) for row in self.matching(resource, name, value)), None)

    def pages(self, resource: str, filters: Mapping[str, str] | None = None) -> Iterator[Values]:
        """Read a list, each record once. Check each record: Moment ignores filters that it does not know."""
        call = self._read_call(resource)
        try:
            yield from ListReader(call, partial(self._page, call, resource, filters or {})).rows()
        except _NoSuchListError:
            raise call.no_such_company() from None

    def _page(self, call: Call, path: str, filters: Mapping[str, str], page: Mapping[str, str]) -> Values:
        values = self._send(call, "GET", path, filters={**filters, **page})
        if values is None:
            raise _NoSuchListError
        return values

    def write(self, method: Literal["PATCH", "POST"], path: str, values: Values, *, repeatable: bool) -> Values:
        """Save a record and return it; if it is not ``repeatable``, a lost response raises OutcomeUnknownError."""
        call = self._write_call(path, repeatable=repeatable)
        return _existing(call, self._send(call, method, path, body=_encode(values)))

    def create(self, resource: str, values: Values) -> str:
        """Create a record and return its id; not safe to repeat."""
        record_id = id_of(self.write("POST", resource, values, repeatable=False).get("id"))
        if not record_id:
            call = self._write_call(resource, repeatable=False)
            raise call.unusable_response(msg("didn't return the id of what it saved"))
        return record_id

    def update(self, path: str, values: Values) -> bool:
        """Update some fields of a record; False if Moment has none with this id. Safe to repeat."""
        saved = self._send(self._write_call(path, repeatable=True), "PATCH", path, body=_encode(values))
        return saved is not None

    def delete(self, path: str) -> bool:
        """Delete a record; False if Moment has none with this id. Safe to repeat."""
        call = Call(msg("removing {what}", what=_list_of(path)), self._company)
        return self._send(call, "DELETE", path) is not None

    def upload(self, path: str, file: Upload) -> None:
        """Send a file in pieces; not safe to repeat."""
        call = Call(msg("saving a file of {what}", what=_list_of(path)), self._company, repeatable=False)
        _existing(call, self._send(call, "POST", path, body=file))

    def _read_call(self, path: str) -> Call:
        return Call(msg("reading {what}", what=_list_of(path)), self._company)

    def _write_call(self, path: str, *, repeatable: bool) -> Call:
        return Call(msg("saving {what}", what=_list_of(path)), self._company, repeatable=repeatable)

    def _send(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        filters: Mapping[str, str] | None = None,
        body: bytes | Upload | None = None,
    ) -> Values | None:
        """Make a call and return its response; None for a 404, whose meaning depends on the call."""
        request = "" if body is None else body if isinstance(body, bytes) else "a file"
        site, usual = self._site, (self._site.connect_seconds, self._site.answer_seconds)
        guarded = site.host_guard.call(site.url, caller=self._company, writes=method != "GET", timeout=usual)
        try:
            with (
                guarded as timeout,
                site.session.request(
                    method,
                    f"{site.url}/companies/{quote(self._company, safe='')}/{path}",
                    params=filters,
                    data=body,
                    headers=_content_type(body),
                    auth=self._auth,
                    timeout=timeout,
                    allow_redirects=False,  # the key is for this host only; a redirect turns a write into a read
                ) as response,
            ):
                content = response.content
        except HostSilentError as error:
            raise call.held_back() from error
        except OversizedResponseError as error:
            call_log.record_call(f"{method} {path}", request=request, response=str(error))
            too_large = msg("sent more than {size} MiB", size=error.limit // 1024**2)
            raise call.too_large(too_large, error_code=TOO_LARGE) from error
        except requests.RequestException as error:
            call_log.record_call(f"{method} {path}", request=request, response="no answer")
            raise call.connection_failed(error) from error
        call_log.record_call(f"{method} {path}", request=request, response=content)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code == HTTPStatus.NO_CONTENT:
            return {}
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise call.error_status(response.status_code, content, response.headers)
        return _parse(call, content)


def _operation(request: requests.PreparedRequest) -> str:
    """Name a request by its method and resource, without ids and includes: "PATCH customers"."""
    path = urlsplit(request.url or "").path.rpartition("/companies/")[2]
    parts = path.partition("/include/")[0].split("/")
    return f"{request.method} {'/'.join(map(str, parts[1::2]))}"


def _list_of(path: str) -> Message:
    return LIST_LABELS[path.partition("/")[0]]


def _existing(call: Call, saved: Values | None) -> Values:
    if saved is None:
        raise call.record_gone()
    return saved


def _content_type(body: bytes | Upload | None) -> dict[str, str]:
    if body is None:
        return {}
    return {"Content-Type": body.media_type if isinstance(body, Upload) else "application/json"}


def _encode(values: Values) -> bytes:
    """Encode JSON in which a Decimal is a number with the same digits; the fields of a record are not nested."""
    members = (
        f"{json.dumps(name)}: {f'{value:f}' if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in values.items()
    )
    return f"{{{', '.join(members)}}}".encode()


def _parse(call: Call, body: bytes) -> Values:
    try:
        values = parse(body)
    except TooManyValuesError as error:
        too_many = msg("sent a response with more than {count} values", count=MAX_VALUES)
        raise call.too_large(too_many, error_code=TOO_MANY_ROWS) from error
    except TooDeepError as error:
        too_deep = msg("sent a response that is nested too deeply")
        raise call.unusable_response(too_deep, error_code=TOO_DEEP) from error
    except ValueError as error:
        raise call.unusable_response(msg("sent a response that couldn't be read")) from error
    if not isinstance(values, dict):
        raise call.unusable_response(msg("sent a response that couldn't be read"))
    return values


def _remaining(content: BinaryIO) -> int:
    start = content.tell()
    end = content.seek(0, SEEK_END)
    content.seek(start)
    return end - start
