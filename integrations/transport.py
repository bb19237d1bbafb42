"""How long a request may be on its way, for all remote systems that are reached by HTTP.

A call that is given up is not called back: while the network is cut, the kernel goes on sending it for a minute
or two, even after its socket is closed. It could arrive when another worker has looked in vain and done the work.
"""

import socket
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from integrations.remote_clock import RemoteClock
from sync.engine import write_deadline


class OnCall(Protocol):
    """Is told of each call: its operation, the status of the answer (``none`` without one), the seconds to it."""

    def __call__(self, operation: str, *, status: str, seconds: float) -> None: ...


def ignore_call(operation: str, *, status: str, seconds: float) -> None:
    pass


_write_guard: ContextVar[Callable[[], None] | None] = ContextVar("write_guard", default=None)
"""Asked before each piece of the request that this thread sends."""


class _GuardedConnection:
    """Put before a class of connections: once connected, it asks before each piece whether it may go out."""

    def send(self: Any, data: Any) -> None:  # noqa: ANN401 - as http.client has it
        if self.sock is None and self.auto_open:
            self.connect()
        if guard := _write_guard.get():
            guard()
        super().send(data)  # type: ignore[misc]  # of the class that it is put before


@cache
def _guarded(connection_class: type) -> Any:  # noqa: ANN401 - as urllib3 has it
    if issubclass(connection_class, _GuardedConnection):
        return connection_class
    return type(connection_class.__name__, (_GuardedConnection, connection_class), {})


class BoundedAdapter(HTTPAdapter):
    """Sends requests that arrive within ``seconds`` or never, where the system can do that (Linux).

    One that writes is not sent to its end when the worker has no leave any more
    (:mod:`sync.engine.write_deadline`); for a file, which takes its time, it counts whether there was leave when
    it began.

    After ``seconds`` without acknowledgement of what was sent the connection is given up. ``name`` tells the
    operation that a request is, one of a few and without an id in it, and ``writes`` whether it saves something.
    """

    def __init__(
        self,
        *,
        seconds: float,
        pool_maxsize: int,
        name: Callable[[PreparedRequest], str] = lambda request: str(request.method),
        writes: Callable[[PreparedRequest], bool] = lambda _request: False,
        on_call: OnCall = ignore_call,
        remote_clock: RemoteClock | None = None,
    ) -> None:
        options = list(HTTPConnection.default_socket_options)
        if sys.platform == "linux":
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)))
        self._options = options
        self._name, self._writes, self._heard = name, writes, on_call
        self._remote_clock = remote_clock
        super().__init__(pool_maxsize=pool_maxsize)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as requests has it
        """Raise UnavailableError where a request writes and it is too late to."""
        began, status = time.perf_counter(), "none"
        token = _write_guard.set(_asking(request) if self._writes(request) else None)
        try:
            response = super().send(request, *args, **kwargs)
            status = str(response.status_code)
            if self._remote_clock:
                self._remote_clock.hear(response.headers)
        finally:
            _write_guard.reset(token)
            self._heard(self._name(request), status=status, seconds=time.perf_counter() - began)
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*args, **kwargs, socket_options=self._options)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        return super().proxy_manager_for(*args, **kwargs, socket_options=self._options)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Have the pool of a host make guarded connections only."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _guarded(pool.ConnectionCls)
        return pool


def _asking(request: PreparedRequest) -> Callable[[], None] | None:
    """Return what is asked before each piece of a request that writes; of a file only now."""
    if isinstance(request.body, bytes | str | None):
        return write_deadline.check
    write_deadline.check()
    return None
