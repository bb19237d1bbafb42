"""How long a request may be on its way, for all remote systems that are reached by HTTP.

A call that is given up is not called back: while the network is cut, the kernel goes on sending it for a minute
or two, even after its socket is closed. It could arrive when another worker has looked in vain and done the work.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response


class Heard(Protocol):
    """Is told of each call: its operation, the status of the answer, and the seconds until that began."""

    def __call__(self, operation: str, *, status: str, seconds: float) -> None:
        """Hear of a call; ``status`` is ``none`` where no answer came."""
        ...


def unheard(operation: str, *, status: str, seconds: float) -> None:
    """Tell nobody."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests that arrive within ``seconds`` or never, where the system can do that (Linux).

    Args:
        seconds: how long what was sent may go unacknowledged, before the connection is given up.
        pool_maxsize: connections kept open to a host.
        name: tells the operation that a request is; one of a few, without an id in it.
        heard: is told of each call.
    """

    def __init__(
        self,
        *,
        seconds: float,
        pool_maxsize: int,
        name: Callable[[PreparedRequest], str] = lambda request: str(request.method),
        heard: Heard = unheard,
    ) -> None:
        options = list(HTTPConnection.default_socket_options)
        if sys.platform == "linux":
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)))
        self._options = options
        self._name, self._heard = name, heard
        super().__init__(pool_maxsize=pool_maxsize)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as requests has it
        """Send a request, and tell how that went."""
        began, status = time.perf_counter(), "none"
        try:
            response = super().send(request, *args, **kwargs)
            status = str(response.status_code)
        finally:
            self._heard(self._name(request), status=status, seconds=time.perf_counter() - began)
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as requests has it
        """Make the pool of connections."""
        super().init_poolmanager(*args, **kwargs, socket_options=self._options)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Make the pool of connections to a proxy."""
        return super().proxy_manager_for(*args, **kwargs, socket_options=self._options)
