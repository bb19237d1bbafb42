import socket
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.connection import HTTPConnection

from integrations.transport import BoundedAdapter, open_session
from sync.engine.write_deadline import WriteDeadline, enforced
from sync.errors import UnavailableError
from tests.factories import NOW
from tests.integrations import certificate
from tests.integrations.hostile_server import TOO_SLOW, sends, serving


@pytest.mark.parametrize("through_proxy", [False, True])
def test_an_unacknowledged_request_is_aborted_by_the_kernel_too(*, through_proxy: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        request = requests.Request("GET", address).prepare()
        adapter = BoundedAdapter(seconds=2.5, max_bytes=1000, pool_maxsize=1)
        proxies = {"http": address} if through_proxy else {}
        pool: Any = adapter.get_connection_with_tls_context(request, verify=True, proxies=proxies)
        wire = pool.ConnectionCls(pool.host, pool.port, **pool.conn_kw)
        wire.connect()
        assert user_timeout(wire.sock) == 2500
        wire.close()
        adapter.close()


@pytest.mark.parametrize(("body", "connecting"), [(b"a voucher", 0), (b"a voucher", 100), (iter([b"a file"]), 0)])
def test_a_request_that_writes_is_not_sent_after_its_write_deadline(
    body: Any, connecting: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monotonic = [0.0]
    deadline = WriteDeadline(clock=lambda: NOW, monotonic=lambda: monotonic[0], lease_ttl=timedelta(minutes=5))
    monotonic[0] = 100 - connecting
    with socket.create_server(("127.0.0.1", 0)) as server, enforced(deadline), requests.Session() as session:
        adapter = BoundedAdapter(
            seconds=2, max_bytes=1000, pool_maxsize=1, writes=lambda request: request.method == "POST"
        )
        session.mount("http://", adapter)
        connect = HTTPConnection.connect

        def slowly(connection: Any) -> None:
            connect(connection)
            monotonic[0] += connecting

        monkeypatch.setattr(HTTPConnection, "connect", slowly)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(UnavailableError):
            session.post(address, data=body, timeout=2)
        server.settimeout(0.2)
        assert heard(server) == b""


def test_the_addresses_of_a_name_share_the_deadline_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    class Silent(socket.socket):
        """Notes how long it may try to connect, and gets no response."""

        def connect(self, _address: object) -> None:
            asked.append(self.gettimeout() or 0)
            raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", 9)) for last in range(2, 8)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    monkeypatch.setattr(socket, "socket", Silent)
    with requests.Session() as session:
        session.mount("http://", BoundedAdapter(seconds=3, max_bytes=1000, pool_maxsize=1))
        with pytest.raises(requests.ConnectTimeout):
            session.get("http://many.example/", timeout=3)
    assert len(asked) == len(found)
    assert 2.5 < sum(asked) <= 3


def test_a_request_that_only_reads_needs_no_write_deadline() -> None:
    monotonic = iter([0.0, 100.0])
    deadline = WriteDeadline(clock=lambda: NOW, monotonic=lambda: next(monotonic), lease_ttl=timedelta(minutes=5))
    with socket.create_server(("127.0.0.1", 0)) as server, enforced(deadline), requests.Session() as session:
        session.mount(
            "http://", BoundedAdapter(seconds=2, max_bytes=1000, pool_maxsize=1, writes=lambda _request: False)
        )
        with pytest.raises(requests.ReadTimeout):
            session.get(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.1)
        assert heard(server).startswith(b"GET / ")


def heard(server: socket.socket) -> bytes:
    """Return the bytes received on the first connection until it ended; nothing if there was none."""
    try:
        wire, _ = server.accept()
    except TimeoutError:
        return b""
    with wire:
        return wire.recv(1000)


def user_timeout(sock: socket.socket | None) -> int:
    """Return how many milliseconds a socket waits for an acknowledgement; the requested value if it cannot be set."""
    assert sock is not None
    if sys.platform != "linux":
        return 2500
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate.made_in(tmp_path)


@pytest.mark.parametrize("name", ["status", "body", "trailer"])
def test_the_deadline_of_a_call_holds_through_tls_too(pem: Path, name: str) -> None:
    with serving(TOO_SLOW[name], tls=certificate.of_server(pem)) as url, requests.Session() as session:
        session.mount("https://", BoundedAdapter(seconds=2, max_bytes=20_000, pool_maxsize=1))
        began = time.monotonic()
        with pytest.raises(requests.ReadTimeout):
            session.post(url, data=b"x" * 50_000, timeout=(1, 0.3), verify=str(pem))
        assert time.monotonic() - began < 2.5


def test_a_response_through_tls_is_read_to_its_end(pem: Path) -> None:
    answer = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"whole")
    with serving(answer, tls=certificate.of_server(pem)) as url, requests.Session() as session:
        session.mount("https://", BoundedAdapter(seconds=2, max_bytes=1000, pool_maxsize=1))
        assert session.get(url, timeout=(1, 2), verify=str(pem)).content == b"whole"


def test_a_company_can_add_the_authority_that_signs_at_its_proxy(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE replaces the authorities that are trusted otherwise."""
    session = open_session(lambda: BoundedAdapter(seconds=2, max_bytes=1000, pool_maxsize=1))
    answer = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"whole")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with (
        serving(answer, tls=certificate.of_server(pem)) as url,
        pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        session.get(url, timeout=(1, 2))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    with serving(answer, tls=certificate.of_server(pem)) as url:
        assert session.get(url, timeout=(1, 2)).content == b"whole"
