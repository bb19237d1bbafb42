"""HTTP to Moment: every call has a time-out and a size limit, is made once, and ends in JSON or in our errors."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
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
from integrations.moment.bounded_json import MAX_VALUES, TooDeepError, TooManyValuesError, parse
from integrations.moment.error_mapping import Call
from integrations.moment.field_labels import LIST_LABELS
from integrations.moment.fields import Fields
from integrations.moment.fields import record_id as id_of
from integrations.remote_clock import RemoteClock
from integrations.transport import BoundedAdapter, OnCall, OversizedAnswerError, ignore_call
from sync.engine import call_log
from sync.errors import AnswerTooLargeError

K = TypeVar("K")
V = TypeVar("V")

Values = Mapping[str, object]
Access = tuple[str, SecretStr]
"""A company with the key that opens it: what one key has read is shown only to who has that key."""

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_ROWS = 200_000
"""Rows of a list that are read, and that it may claim to have."""
_MAX_IDLE_PAGES = 10
"""Pages in a row that may bring nothing new."""
_CHUNK = 64 * 1024
_PLAIN = frozenset(" -_.,&()+")
_PAGE_SIZES = (100, 50, 25, 5, 1)
"""Each divides the one before it, so that smaller pages begin where a larger one was too large."""
_MAX_RESTARTS = 3
"""How often a list is read from its beginning again; what is missed all the same the nightly poll finds."""
READ_AHEAD_THREADS = 50
"""Records that a process reads ahead at a time: as many as the largest batch has."""


def pooled_session(
    *,
    connections: int = 10,
    connect_seconds: float = 10,
    on_call: OnCall = ignore_call,
    remote_clock: RemoteClock | None = None,
) -> requests.Session:
    """Make the one session of a process, which keeps connections but no cookies, and ignores the environment.

    A request arrives within ``connect_seconds`` or never.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"Accept": "application/json", "User-Agent": "moment-24sevenoffice"})
    for scheme in ("http://", "https://"):
        adapter = BoundedAdapter(
            seconds=connect_seconds,
            max_bytes=MAX_RESPONSE_BYTES,
            pool_maxsize=connections,
            name=_operation,
            writes=lambda request: request.method != "GET",
            on_call=on_call,
            remote_clock=remote_clock,
        )
        session.mount(scheme, adapter)
    return session


class ReadCache(Generic[K, V]):
    """What a process has read in the last five minutes; threads may share it."""

    def __init__(self, maxsize: int) -> None:
        self._values: TTLCache[K, V] = TTLCache(maxsize, ttl=300)
        self._lock = Lock()

    def get(self, key: K, *, read: Callable[[], V | None], suffices: Callable[[V], bool] = bool) -> V | None:
        """Return what was read, or read it anew where that does not suffice; what is missing is not remembered."""
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
    """Moment as all connections of a process reach it.

    ``record_url`` is where a person opens a record, with ``{company}``, ``{kind}`` and ``{id}``.
    ``answer_seconds`` is how long a call may take in all, the connection and the last byte of its answer included.
    ``charts`` are the financial accounts of companies by id; a changed tax code takes effect that much later.
    """

    url: str
    record_url: str
    connect_seconds: float
    answer_seconds: float
    session: requests.Session = field(default_factory=pooled_session)
    charts: ReadCache[Access, Mapping[str, Fields]] = field(default_factory=partial(ReadCache, 500))
    project_ids: ReadCache[tuple[Access, int], str] = field(default_factory=partial(ReadCache, 10_000))
    read_ahead_pool: Executor = field(default_factory=partial(ThreadPoolExecutor, READ_AHEAD_THREADS, "moment"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """Some rows of a list, of how many pages it is, and of how many records (0 where Moment does not say)."""

    rows: Sequence[Values]
    total_pages: int
    elements: int


class Upload:
    """A form with one file (assumption M4), sent once and a piece at a time, so that no file is ever held whole.

    ``content`` is read from where it stands to its end. Of the ``name``, what is neither a letter, a digit nor one
    of ``-_.,&()+`` and space becomes a hyphen.
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
    """The API of one company. Every call may raise the errors of :mod:`integrations.moment.error_mapping`."""

    def __init__(self, site: MomentSite, *, company: str, api_key: SecretStr) -> None:
        self._site = site
        self._company = company
        self._auth = HTTPBasicAuth(b"apikey", api_key.get_secret_value().encode())

    def record(self, resource: str, record_id: str) -> Values | None:
        """Read one record, None where Moment has none of this id (assumption M5)."""
        call = self._read_call(resource)
        values = self._send(call, "GET", f"{resource}/{quote(record_id, safe='')}")
        if values is not None and str(values.get("id")) != record_id:
            raise call.no_answer(msg("answered with something else than the record"))
        return values

    def all_of(self, resource: str) -> Sequence[Values]:
        rows = self.sublist(resource)
        if rows is None:
            raise self._read_call(resource).no_such_company()
        return rows

    def sublist(self, path: str) -> Sequence[Values] | None:
        """Read the short list that belongs to a record, None where Moment has no such record."""
        call = self._read_call(path)
        answer = self._send(call, "GET", path, filters={"noLimit": "true"})
        return None if answer is None else _rows(call, answer)

    def matching(self, resource: str, name: str, value: str) -> Iterator[Values]:
        """Read the records in which the field ``name`` is ``value``, whether Moment filters by it or not."""
        for row in self.pages(resource, {name: value}):
            if str(row.get(name)) == value and id_of(row.get("id")):
                yield row

    def find(self, resource: str, name: str, value: str) -> str | None:
        return next((id_of(row.get("id")) for row in self.matching(resource, name, value)), None)

    def pages(self, resource: str, filters: Mapping[str, str]) -> Iterator[Values]:
        """Read a list page by page. Moment ignores filters that it does not know: check each record again.

        Where a page is too large, smaller ones are asked for from there on. Where the list has become shorter
        between two pages, what stood behind has moved up, perhaps past them: it is read once more. No record is
        told twice. A list that is longer than any, or goes on without anything new, is given up.
        """
        call, sizes, number, restarts = self._read_call(resource), iter(_PAGE_SIZES), 0, 0
        size, elements, seen, idle = next(sizes), 0, set[str](), 0
        while True:
            try:
                page = self._page(call, resource, filters, number=number, size=size)
            except AnswerTooLargeError:
                smaller = next(sizes, None)
                if smaller is None:
                    raise
                number, size = number * size // smaller, smaller
                continue
            if page.elements < elements and restarts < _MAX_RESTARTS:
                number, elements, restarts = 0, 0, restarts + 1
                continue
            fresh = [row for row in page.rows if _is_new(row, seen)]
            yield from fresh
            if number + 1 >= page.total_pages:
                return
            idle = 0 if fresh or restarts else idle + 1  # what is read once more is nothing new
            if idle == _MAX_IDLE_PAGES or max(page.total_pages, number + 1) * size > MAX_ROWS:
                raise call.too_large(
                    msg("claims to have a list of {count} pages", count=page.total_pages),
                    error_code="too_many_pages",
                )
            number, elements = number + 1, page.elements

    def _page(self, call: Call, resource: str, filters: Mapping[str, str], *, number: int, size: int) -> _Page:
        answer = self._send(call, "GET", resource, filters={**filters, "page": str(number), "size": str(size)})
        if answer is None:
            raise call.no_such_company()
        page = answer.get("page")
        told = page if isinstance(page, dict) and page.get("number") == number else {}
        total, elements = told.get("totalPages"), told.get("totalElements", 0)
        if not isinstance(total, int) or not isinstance(elements, int):
            raise call.no_answer(msg("answered with another page than the one asked for"))
        return _Page(rows=_rows(call, answer), total_pages=total, elements=elements)

    def write(self, method: Literal["PATCH", "POST"], path: str, values: Values, *, repeatable: bool) -> Values:
        """Save something and read what Moment made of it; a Decimal keeps its decimals.

        ``repeatable`` says that saving it twice does no harm; else a lost answer raises OutcomeUnknownError.
        """
        call = self._write_call(path, repeatable=repeatable)
        return _found(call, self._send(call, method, path, body=_written(values)))

    def create(self, resource: str, values: Values) -> str:
        """Make a record and tell its id; not safe to repeat."""
        made = id_of(self.write("POST", resource, values, repeatable=False).get("id"))
        if not made:
            call = self._write_call(resource, repeatable=False)
            raise call.no_answer(msg("did not tell the id of what it saved"))
        return made

    def update(self, path: str, values: Values) -> bool:
        """Save some fields of a record, False where Moment has none of this id; safe to repeat."""
        answer = self._send(self._write_call(path, repeatable=True), "PATCH", path, body=_written(values))
        return answer is not None

    def delete(self, path: str) -> bool:
        """Remove a record, False where Moment has none of this id; safe to repeat."""
        call = Call(msg("removing {what}", what=_list_of(path)), self._company)
        return self._send(call, "DELETE", path) is not None

    def upload(self, path: str, file: Upload) -> None:
        """Send a file, a piece at a time; not safe to repeat."""
        call = Call(msg("saving a file of {what}", what=_list_of(path)), self._company, repeatable=False)
        _found(call, self._send(call, "POST", path, body=file))

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
        """Make a call and read its answer; None is the 404 that means something else to every kind of call."""
        said = "" if body is None else body if isinstance(body, bytes) else "a file"
        try:
            with self._site.session.request(
                method,
                f"{self._site.url}/companies/{quote(self._company, safe='')}/{path}",
                params=filters,
                data=body,
                headers=_describing(body),
                auth=self._auth,
                timeout=(self._site.connect_seconds, self._site.answer_seconds),
                allow_redirects=False,  # the key is for this host only, and a redirected write becomes a read
            ) as response:
                answer = response.content
        except OversizedAnswerError as error:
            call_log.record_call(f"{method} {path}", request=said, response=str(error))
            sizes = msg("sent more than {size} MiB", size=error.limit // 1024**2)
            raise call.too_large(sizes, error_code="too_large") from error
        except requests.RequestException as error:
            call_log.record_call(f"{method} {path}", request=said, response="no answer")
            raise call.connection_failed(error) from error
        call_log.record_call(f"{method} {path}", request=said, response=answer)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code == HTTPStatus.NO_CONTENT:
            return {}
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise call.error_status(response.status_code, answer, response.headers)
        return _read(call, answer)


def _operation(request: requests.PreparedRequest) -> str:
    """Name a request by its method and what it is about, without ids: "PATCH customers"."""
    parts = urlsplit(request.url or "").path.rpartition("/companies/")[2].split("/")
    return f"{request.method} {'/'.join(map(str, parts[1::2]))}"


def _list_of(path: str) -> Message:
    return LIST_LABELS[path.partition("/")[0]]


def _found(call: Call, saved: Values | None) -> Values:
    if saved is None:
        raise call.record_gone()
    return saved


def _rows(call: Call, answer: Values) -> Sequence[Values]:
    rows = answer.get("content")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise call.no_answer(msg("answered with something else than a list"))
    if len(rows) > MAX_ROWS:
        raise call.too_large(msg("sent more than {count} rows", count=MAX_ROWS), error_code="too_many_rows")
    return rows


def _is_new(row: Values, seen: set[str]) -> bool:
    """Note a record, and return whether it was not told yet, as far as it has an id."""
    record_id = id_of(row.get("id"))
    known = bool(record_id) and record_id in seen
    seen.add(record_id)
    return not known


def _describing(body: bytes | Upload | None) -> dict[str, str]:
    if body is None:
        return {}
    return {"Content-Type": body.media_type if isinstance(body, Upload) else "application/json"}


def _written(values: Values) -> bytes:
    """Write JSON in which a Decimal is a number with the same digits; of a record's fields none is nested."""
    members = (
        f"{json.dumps(name)}: {f'{value:f}' if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in values.items()
    )
    return f"{{{', '.join(members)}}}".encode()


def _read(call: Call, body: bytes) -> Values:
    try:
        values = parse(body)
    except TooManyValuesError as error:
        many = msg("sent an answer with more than {count} values", count=MAX_VALUES)
        raise call.too_large(many, error_code="too_many_rows") from error
    except TooDeepError as error:
        raise call.no_answer(msg("sent an answer that is nested too deeply"), error_code="too_deep") from error
    except ValueError as error:
        raise call.no_answer(msg("sent an answer that could not be read")) from error
    if not isinstance(values, dict):
        raise call.no_answer(msg("sent an answer that could not be read"))
    return values


def _remaining(content: BinaryIO) -> int:
    start = content.tell()
    end = content.seek(0, SEEK_END)
    content.seek(start)
    return end - start
