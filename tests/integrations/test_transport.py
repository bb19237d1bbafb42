from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
import requests

from integrations.transport import BoundedAdapter


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_request_that_nobody_acknowledges_is_given_up_by_the_kernel_too(*, through_proxy: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        request = requests.Request("GET", address).prepare()
        adapter = BoundedAdapter(seconds=2.5, pool_maxsize=1)
        proxies = {"http": address} if through_proxy else {}
        pool: Any = adapter.get_connection_with_tls_context(request, verify=True, proxies=proxies)
        wire = pool.ConnectionCls(pool.host, pool.port, **pool.conn_kw)
        wire.connect()
        assert patience(wire.sock) == 2500
        wire.close()
        adapter.close()


def patience(sock: socket.socket | None) -> int:
    """Tell how many milliseconds a socket waits for an acknowledgement; where that cannot be set, what was wanted."""
    assert sock is not None
    if sys.platform != "linux":
        return 2500
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
