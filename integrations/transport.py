"""How long a request may be on its way, for all remote systems that are reached by HTTP.

A call that is given up is not called back: while the network is cut, the kernel goes on sending it for a minute
or two, even after its socket is closed. It could arrive when another worker has looked in vain and done the work.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection


class BoundedAdapter(HTTPAdapter):
    """Sends requests that arrive within ``seconds`` or never, where the system can do that (Linux).

    Args:
        seconds: how long what was sent may go unacknowledged, before the connection is given up.
        pool_maxsize: connections kept open to a host.
    """

    def __init__(self, *, seconds: float, pool_maxsize: int) -> None:
        options = list(HTTPConnection.default_socket_options)
        if sys.platform == "linux":
            options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)))
        self._options = options
        super().__init__(pool_maxsize=pool_maxsize)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as requests has it
        """Make the pool of connections."""
        super().init_poolmanager(*args, **kwargs, socket_options=self._options)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Make the pool of connections to a proxy."""
        return super().proxy_manager_for(*args, **kwargs, socket_options=self._options)
