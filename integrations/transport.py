"""How long a call may take and how much it may answer, for all remote systems that are reached by HTTP.

A call has one deadline, from connecting to the last byte of its answer: a time-out of the socket bounds only the
gap between two bytes. An answer has one limit, on the wire and unpacked.

A call that is given up is not called back: while the network is cut, the kernel goes on sending it for a minute
or two, even after its socket is closed. It could arrive when another worker has looked in vain and done the work.
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
"""Bytes before the body of an answer, those of each "100 Continue" included."""

UPLOAD_BYTES_PER_SECOND = 1024 * 1024
"""A file that is sent has more time by its size: so little more that a call still ends within its lease."""

USER_AGENT = "moment-24sevenoffice"
"""What this integration calls itself."""

_CHUNK = 64 * 1024
_PIECE = 16 * 1024
"""Bytes that are sent at a time: the most that TLS sends without another time-out."""


class OversizedAnswerError(Exception):
    """An answer is larger than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class OnCall(Protocol):
    """Is told of each call: its operation, the status of the answer (``none`` without one), the seconds to it."""

    def __call__(self, operation: str, *, status: str, seconds: float) -> None: ...


def ignore_call(operation: str, *, status: str, seconds: float) -> None:
    pass


@dataclass(slots=True)
class _Call:
    """A call on its way: until when (monotonic), and how many bytes may still come in."""

    deadline: float
    max_bytes: int
    may_send: Callable[[], None] | None
    truncates: bool = False
    bytes_left: int = MAX_HEADER_BYTES

    def seconds_left(self) -> float:
        """Raises TimeoutError where there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return seconds

    def count(self, received: int) -> None:
        self.bytes_left -= received
        if self.bytes_left < 0:
            raise OversizedAnswerError(self.max_bytes)


_call: ContextVar[_Call | None] = ContextVar("call", default=None)
"""The call that this thread makes."""


class _Wire(RawIOBase):
    """What comes in over a socket, each part of it by the deadline of the call."""

    def __init__(self, raw: RawIOBase, sock: socket.socket, call: _Call) -> None:
        super().__init__()
        self._raw, self._sock, self._call = raw, sock, call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as io has it
        self._sock.settimeout(self._call.seconds_left())
        received = self._raw.readinto(buffer)
        self._call.count(received or 0)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """Reads headers and body within the bounds of the call."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as http.client has it
        super().__init__(sock, *args, **kwargs)
        self._bounds = _call.get()
        if self._bounds:
            self.fp = BufferedReader(_Wire(self.fp.detach(), sock, self._bounds))

    def begin(self) -> None:
        super().begin()
        if self._bounds:
            self._bounds.bytes_left = self._bounds.max_bytes + MAX_HEADER_BYTES


class _GuardedConnection:
    """Put before a class of connections: once connected, it asks before each piece whether it may go out."""

    response_class = _BoundedResponse

    def connect(self: Any) -> None:
        if call := _call.get():
            self.timeout = min(self.timeout or call.seconds_left(), call.seconds_left())
        super().connect()  # type: ignore[misc]  # of the class that it is put before

    def _new_conn(self: Any) -> socket.socket:
        """Connect to the first address that answers; they share the time, which urllib3 would give to each."""
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

    def send(self: Any, data: Any) -> None:  # noqa: ANN401 - as http.client has it
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
        return 1  # connecting says what is wrong


def _pieces(data: Any) -> Any:  # noqa: ANN401 - as http.client has it
    if not isinstance(data, bytes):
        return [data]
    return (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))


@cache
def _guarded(connection_class: type) -> Any:  # noqa: ANN401 - as urllib3 has it
    if issubclass(connection_class, _GuardedConnection):
        return connection_class
    return type(connection_class.__name__, (_GuardedConnection, connection_class), {})


class BoundedAdapter(HTTPAdapter):
    """Sends requests that arrive within ``seconds`` or never, where the system can do that (Linux).

    The answer is there as a whole, and no larger than ``max_bytes``, within the time-out for reading, which counts
    from the beginning of the call; a file that is sent has more time, by its size.

    One that writes is not sent to its end when the worker has no leave any more
    (:mod:`sync.engine.write_deadline`); for a file, which takes its time, it counts whether there was leave when
    it began.

    After ``seconds`` without acknowledgement of what was sent the connection is given up. ``name`` tells the
    operation that a request is, one of a few and without an id in it, and ``writes`` whether it saves something.
    One that ``truncates`` reads of a larger answer no more than the limit, and raises nothing.
    """

    def __init__(  # noqa: PLR0913 - all by name
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
        self._name, self._writes, self._heard = name, writes, on_call
        self._remote_clock, self._truncates = remote_clock, truncates
        super().__init__(pool_maxsize=pool_maxsize)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as requests has it
        """Raise UnavailableError where a request writes and it is too late to, and OversizedAnswerError."""
        began, status = time.perf_counter(), "none"
        call = self._begin(request, *args, **kwargs)
        token = _call.set(call)
        try:
            response = super().send(request, *args, **kwargs)
            if self._remote_clock:
                self._remote_clock.hear(response.headers)
            response.raw = BytesIO(_body(response, call))
            status = str(response.status_code)
        except requests.ConnectionError as error:
            if was_sent(error) and time.monotonic() >= call.deadline:
                raise requests.ReadTimeout(error, request=request) from error
            raise
        finally:
            _call.reset(token)
            self._heard(self._name(request), status=status, seconds=time.perf_counter() - began)
        return response

    def _begin(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - as requests has it
        timeout: Any = None,  # noqa: ANN401 - as requests has it
        **_others: object,
    ) -> _Call:
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        may_send = None
        if not isinstance(request.body, bytes | str | None):
            seconds += super_len(request.body) / UPLOAD_BYTES_PER_SECOND
        if self._writes(request):
            may_send = _asking(request)
        return _Call(time.monotonic() + seconds, self._max_bytes, may_send, truncates=self._truncates)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*args, **kwargs, socket_options=self._options)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        return super().proxy_manager_for(*args, **kwargs, socket_options=self._options)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Have the pool of a host make guarded connections only."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _guarded(pool.ConnectionCls)
        return pool


def open_session(make_adapter: Callable[[], BoundedAdapter]) -> requests.Session:
    """Make a session that threads may share, and that is the same for all remote systems.

    It keeps connections, but no cookies. Of the environment it takes the proxy and the certificates to trust; the
    passwords of a ``.netrc`` are sent to nobody.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = without_netrc
    session.headers["User-Agent"] = USER_AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, make_adapter())
    return session


def without_netrc(request: PreparedRequest) -> PreparedRequest:
    """Sign nothing; put as ``auth``, as requests looks into ``.netrc`` where there is none."""
    return request


def _asking(request: PreparedRequest) -> Callable[[], None] | None:
    """Return what is asked before each piece of a request that writes; of a file only now."""
    if isinstance(request.body, bytes | str | None):
        return write_deadline.check
    write_deadline.check()
    return None


def was_sent(error: requests.RequestException) -> bool:
    """Return whether a connection was made, so that the other system may have heard something."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _body(response: Response, call: _Call) -> bytes:
    """Read an answer as it arrives, so that one that is endless, unpacks for ever or drips is given up."""
    raw, body = response.raw, bytearray()
    raw.decode_content = True
    try:
        if (raw.length_remaining or 0) > call.max_bytes and not call.truncates:
            raise OversizedAnswerError(call.max_bytes)
        while chunk := raw.read1(_CHUNK):
            body += chunk
            if len(body) > call.max_bytes:
                if call.truncates:
                    break
                raise OversizedAnswerError(call.max_bytes)
    except (TimeoutError, ReadTimeoutError) as error:
        raise requests.ReadTimeout(error, request=response.request) from error
    except HTTPError as error:
        raise requests.ConnectionError(error, request=response.request) from error
    finally:
        raw.close()  # what is left is not read, and the connection not used again
        raw.release_conn()
    return bytes(body[: call.max_bytes])
