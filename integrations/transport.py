"""Limits on the time of a call and the size of its response, for all remote systems that use HTTP.

A call has one deadline to the last byte of its response: a socket's timeout limits only the gap between two.
The kernel keeps sending a call that was given up for a minute or two, even after its socket is closed. It could
arrive after another worker has verified that nothing was saved, and done the work.
"""

import socket
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, Protocol

import requests
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import super_len
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from integrations.remote_clock import RemoteClock
from sync.engine import write_deadline

MAX_HEADER_BYTES = 256 * 1024
"""Bytes before the body of a response, each "100 Continue" included."""

UPLOAD_BYTES_PER_SECOND = 1024 * 1024
"""A file upload has extra time by its size, but so little that a call still ends within its lease."""

USER_AGENT = "moment-24sevenoffice"
"""The User-Agent of this integration."""

_CHUNK = 64 * 1024
_PIECE = 16 * 1024
"""Bytes sent at a time: as many as TLS sends with one timeout."""


class OversizedResponseError(Exception):
    """A response is larger than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class OnCall(Protocol):
    """Called after each call with its operation, the response's status (``none`` without one) and its duration."""

    def __call__(self, operation: str, *, status: str, seconds: float) -> None: ...


def ignore_call(operation: str, *, status: str, seconds: float) -> None:
    pass


@dataclass(slots=True)
class _Call:
    """A call under way: its deadline (monotonic), and the number of bytes that may still be received."""

    deadline: float
    max_bytes: int
    may_send: Callable[[], None] | None
    truncates: bool = False
    bytes_left: int = MAX_HEADER_BYTES

    def seconds_left(self) -> float:
        """Return the seconds left. Raises TimeoutError if there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return seconds

    def count(self, received: int) -> None:
        self.bytes_left -= received
        if self.bytes_left < 0:
            raise OversizedResponseError(self.max_bytes)


_call: ContextVar[_Call | None] = ContextVar("call", default=None)
"""The call that this thread makes."""


class _Wire(RawIOBase):
    """Reads from a socket until the deadline of the call."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, call: _Call) -> None:
        super().__init__()
        self._raw, self._sock, self._call = raw, sock, call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - io's signature
        self._sock.settimeout(self._call.seconds_left())
        received = self._raw.readinto(buffer)
        self._call.count(received or 0)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """A response whose headers and body are read within the limits of the call."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - http.client's signature
        super().__init__(sock, *args, **kwargs)
        self._bounds = _call.get()
        if self._bounds:
            self.fp = BufferedReader(_Wire(self.fp.detach(), sock, self._bounds))

    def begin(self) -> None:
        super().begin()
        if self._bounds:
            self._bounds.bytes_left = self._bounds.max_bytes + MAX_HEADER_BYTES


class _GuardedConnection:
    """A mixin for connection classes, which checks before each piece whether it may be sent."""

    response_class = _BoundedResponse

    def connect(self: Any) -> None:
        if call := _call.get():
            self.timeout = min(self.timeout or call.seconds_left(), call.seconds_left())
        super().connect()  # type: ignore[misc]  # of the class that it is put before

    def _new_conn(self: Any) -> socket.socket:
        """Connect to the first address that responds. All share one timeout, which urllib3 would give to each."""
        whole = self.timeout
        if _call.get():
            self.timeout = whole / _number_of_addresses(self.host, self.port)
        try:
            sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # as above
        finally:
            self.timeout = whole
        if call := _call.get():
            sock.settimeout(call.seconds_left())
        return sock

    def send(self: Any, data: Any) -> None:  # noqa: ANN401 - http.client's signature
        if self.sock is None and self.auto_open:
            self.connect()
        for piece in _pieces(data):
            if call := _call.get():
                if call.may_send:
                    call.may_send()
                self.sock.settimeout(call.seconds_left())
            super().send(piece)  # type: ignore[misc]  # of the class that it is put before


def _number_of_addresses(host: str, port: int) -> int:
    try:
        return len(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)) or 1
    except (OSError, UnicodeError):
        return 1  # connecting raises the error


def _pieces(data: Any) -> Any:  # noqa: ANN401 - http.client's signature
    if not isinstance(data, bytes):
        return [data]
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))


@cache
def _guarded(connection_class: type) -> Any:  # noqa: ANN401 - urllib3's type
    if issubclass(connection_class, _GuardedConnection):
        return connection_class
    return type(connection_class.__name__, (_GuardedConnection, connection_class), {})


class BoundedAdapter(HTTPAdapter):
    """Sends requests that arrive within ``seconds`` or never, if the system supports that (Linux).

    The response, of at most ``max_bytes``, is read within the read timeout, counted from the beginning of the
    call; a file upload has more time. A write stops at the write deadline (:mod:`sync.engine.write_deadline`),
    which is checked only at the beginning of a file upload. ``name`` returns the operation of a request, without
    ids, and ``writes`` whether it saves something. With ``truncates``, a larger response is cut without an error.
    """

    def __init__(  # noqa: PLR0913 - keyword-only
        self,
        *,
        seconds: float,
        max_bytes: int,
        pool_maxsize: int,
        name: Callable[[PreparedRequest], str] = lambda request: str(request.method),
        writes: Callable[[PreparedRequest], bool] = lambda _request: False,
        on_call: OnCall = ignore_call,
        remote_clock: RemoteClock | None = None,
        truncates: bool = False,
    ) -> None:
        options = list(HTTPConnection.default_socket_options)
        if sys.platform == "linux":
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)))
        self._options, self._max_bytes = options, max_bytes
        self._name, self._writes, self._on_call = name, writes, on_call
        self._remote_clock, self._truncates = remote_clock, truncates
        super().__init__(pool_maxsize=pool_maxsize)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - requests' signature
        """Raise UnavailableError if a request writes and it is too late, and OversizedResponseError."""
        began, status = time.perf_counter(), "none"
        call = self._begin(request, *args, **kwargs)
        token = _call.set(call)
        try:
            response = super().send(request, *args, **kwargs)
            if self._remote_clock:
                self._remote_clock.record_response(response.headers)
            response.raw = BytesIO(_body(response, call))
            status = str(response.status_code)
        except requests.ConnectionError as error:
            if was_sent(error) and time.monotonic() >= call.deadline:
                raise requests.ReadTimeout(error, request=request) from error
            raise
        finally:
            _call.reset(token)
            self._on_call(self._name(request), status=status, seconds=time.perf_counter() - began)
        return response

    def _begin(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - requests' signature
        timeout: Any = None,  # noqa: ANN401 - requests' signature
        **_others: object,
    ) -> _Call:
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        may_send = None
        if not isinstance(request.body, bytes | str | None):
            seconds += super_len(request.body) / UPLOAD_BYTES_PER_SECOND
        if self._writes(request):
            may_send = _deadline_check(request)
        return _Call(time.monotonic() + seconds, self._max_bytes, may_send, truncates=self._truncates)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' signature
        super().init_poolmanager(*args, **kwargs, socket_options=self._options)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - requests' signature
        return super().proxy_manager_for(*args, **kwargs, socket_options=self._options)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - requests' signature
        """Make the pool of a host use guarded connections only."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _guarded(pool.ConnectionCls)
        return pool


def open_session(make_adapter: Callable[[], BoundedAdapter]) -> requests.Session:
    """Make a session that threads may share, without cookies and ``.netrc``, with the environment's proxy."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = without_netrc
    session.headers["User-Agent"] = USER_AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, make_adapter())
    return session


def without_netrc(request: PreparedRequest) -> PreparedRequest:
    """Add no authentication; passed as ``auth``, since requests otherwise reads ``.netrc``."""
    return request


def _deadline_check(request: PreparedRequest) -> Callable[[], None] | None:
    """Return the check to make before each piece of a write; for a file upload, check now and return None."""
    if isinstance(request.body, bytes | str | None):
        return write_deadline.check
    write_deadline.check()
    return None


def was_sent(error: requests.RequestException) -> bool:
    """Return whether a connection was made, and so the other system may have received something."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _body(response: Response, call: _Call) -> bytes:
    """Read a response piece by piece, to give up one that is endless, slow, or endless when decompressed."""
    raw, body = response.raw, bytearray()
    raw.decode_content = True
    try:
        if (raw.length_remaining or 0) > call.max_bytes and not call.truncates:
            raise OversizedResponseError(call.max_bytes)
        while chunk := raw.read1(_CHUNK):
            body += chunk
            if len(body) > call.max_bytes:
                if call.truncates:
                    break
                raise OversizedResponseError(call.max_bytes)
    except (TimeoutError, ReadTimeoutError) as error:
        raise requests.ReadTimeout(error, request=response.request) from error
    except HTTPError as error:
        raise requests.ConnectionError(error, request=response.request) from error
    finally:
        raw.close()  # the rest is not read, and the connection is not reused
        raw.release_conn()
    return bytes(body[: call.max_bytes])
