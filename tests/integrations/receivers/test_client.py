import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.receivers.client import MAX_RESPONSE_BYTES, ReceiverClient, sign
from integrations.receivers.public_addresses import is_public
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import DeliveryProblem
from tests.event_receiver import Program, program
from tests.integrations import certificate
from tests.integrations.hostile_server import OK, TOO_LARGE, TOO_SLOW, Answer, sends, serving

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PRIVATE = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),  # noqa: S104 - to be refused
    *("100.64.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::127.0.0.1", "64:ff9b::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
)
PUBLIC = (
    "93.184.216.34",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
    "2002:101:101::",
)
WRITTEN = (
    *("127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"),
    *("0", "[::]"),
)
"""Ways of writing this machine."""


@pytest.fixture
def listener() -> Iterator[Program]:
    with program() as told:
        told.secret = SECRET
        yield told


def client(*, private_networks: bool = False, response_seconds: float = 1) -> ReceiverClient:
    return ReceiverClient(private_networks=private_networks, connections=1, response_seconds=response_seconds)


def sent(to: ReceiverClient, url: str, *secrets: str) -> DeliveryAttempt:
    body = '{"type":"receiver.test"}'
    return to.send(url, body, sign(secrets or (SECRET,), message_id="msg_1", at=datetime.now(UTC), body=body))


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_not_of_one_internet_host_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_internet_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", WRITTEN)
def test_this_machine_is_not_reached_however_its_address_is_written(listener: Program, host: str) -> None:
    port = listener.url.rpartition(":")[2]
    assert sent(client(), f"http://{host}:{port}") == DeliveryAttempt(problem=DeliveryProblem.PRIVATE_ADDRESS)
    assert listener.headers == []


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Make the DNS return these addresses, one list after the other; the log has the names asked for."""
    asked, left = [], list(answers)
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [found for each in addresses for found in real(each, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["169.254.169.254"]]
)
def test_a_name_that_resolves_to_a_private_address_is_refused(
    listener: Program, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names(monkeypatch, addresses)
    port = listener.url.rpartition(":")[2]
    assert sent(client(), f"http://rebound.example:{port}") == DeliveryAttempt(
        problem=DeliveryProblem.PRIVATE_ADDRESS
    )
    assert listener.headers == []


def test_a_name_that_changes_after_its_check_uses_the_checked_address(
    listener: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError

    names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    port = listener.url.rpartition(":")[2]
    assert sent(client(), f"http://rebound.example:{port}") == DeliveryAttempt(
        problem=DeliveryProblem.NO_CONNECTION
    )
    assert connected == ["93.184.216.34"]
    assert listener.headers == []


def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.receivers.public_addresses.is_public", lambda _address: True)
    pem = certificate.made_in(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    names(monkeypatch, ["127.0.0.1"])
    with serving(sends(OK + b"Content-Length: 0\r\n\r\n"), tls=certificate.of_server(pem)) as url:
        port = url.rpartition(":")[2]
        assert sent(client(response_seconds=5), f"https://127.0.0.1:{port}").http_status == 200
        other = sent(client(response_seconds=5), f"https://other.example:{port}")
    assert other == DeliveryAttempt(problem=DeliveryProblem.TLS)


@pytest.fixture
def proxy(listener: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A proxy that counts as public; ``https`` uses CONNECT, and ``http`` uses GET."""
    names(monkeypatch, ["127.0.0.2"])
    monkeypatch.setattr(
        "integrations.receivers.public_addresses.is_public",
        lambda address: address == "127.0.0.1" or is_public(address),
    )
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, listener.url.removesuffix("/events"))
    return listener


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.1.2.3", "127.0.0.2", "127.0.0.2.", "2130706434", "[::1]", "rebound.example"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_proxy_is_used_for_a_private_address(proxy: Program, scheme: str, host: str) -> None:
    assert sent(client(), f"{scheme}://{host}/events") == DeliveryAttempt(problem=DeliveryProblem.PRIVATE_ADDRESS)
    assert (proxy.headers, proxy.received) == ([], [])


def test_a_name_that_only_the_proxy_knows_is_left_to_it(proxy: Program) -> None:
    assert sent(client(), "http://crm.invalid/events") == DeliveryAttempt(http_status=204)
    assert len(proxy.received) == 1


def test_the_setting_allows_private_networks(listener: Program) -> None:
    assert sent(client(private_networks=True), listener.url) == DeliveryAttempt(http_status=204)
    assert listener.received == [("msg_1", {"type": "receiver.test"})]


def test_a_message_is_signed_by_each_secret(listener: Program) -> None:
    to = client(private_networks=True)
    for secret in (SECRET, OTHER):
        listener.secret = secret
        assert sent(to, listener.url, OTHER, SECRET).is_success
    assert len(listener.received) == 2
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify("{}", sign([SECRET], message_id="msg_1", at=datetime.now(UTC), body="{}"))


def test_a_redirect_is_not_followed(listener: Program) -> None:
    with program() as elsewhere:
        listener.status, listener.answer_headers = 307, {"Location": elsewhere.url}
        attempt = sent(client(private_networks=True), listener.url)
    assert (attempt.http_status, attempt.is_success) == (307, False)
    assert elsewhere.headers == []


def test_the_first_kib_of_a_response_and_its_wait_are_read(listener: Program) -> None:
    listener.status, listener.answer, listener.answer_headers = 503, b"\0ab" * 5000, {"Retry-After": "120"}
    attempt = sent(client(private_networks=True), listener.url)
    assert (attempt.http_status, attempt.retry_after) == (503, timedelta(minutes=2))
    assert len(attempt.response) == MAX_RESPONSE_BYTES
    assert "\0" not in attempt.response


@pytest.mark.parametrize(
    "answer", [TOO_SLOW["status"], TOO_SLOW["header"], TOO_SLOW["body"], TOO_SLOW["continue"]]
)
def test_a_slow_response_is_aborted(answer: Answer) -> None:
    began = time.monotonic()
    with serving(answer) as url:
        assert sent(client(private_networks=True, response_seconds=0.3), url) == DeliveryAttempt(
            problem=DeliveryProblem.TIMEOUT
        )
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["body without length", "chunks"])
def test_an_endless_response_counts_by_its_status(name: str) -> None:
    with serving(TOO_LARGE[name]) as url:
        assert sent(client(private_networks=True, response_seconds=5), url).is_success


@pytest.mark.parametrize("name", ["continue", "headers"])
def test_endless_headers_are_no_response(name: str) -> None:
    with serving(TOO_LARGE[name]) as url:
        assert sent(client(private_networks=True, response_seconds=5), url).http_status is None


def test_a_compressed_response_is_decompressed_only_to_its_first_kib() -> None:
    with serving(TOO_LARGE["packed"]) as url:
        attempt = sent(client(private_networks=True, response_seconds=10), url)
    assert (attempt.http_status, len(attempt.response)) == (200, MAX_RESPONSE_BYTES)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "http://a..b/", "http://[::1/"])
def test_an_unreachable_receiver_is_a_failure_and_not_a_bug(url: str) -> None:
    assert sent(client(private_networks=True), url).problem in {
        DeliveryProblem.NO_CONNECTION,
        DeliveryProblem.UNREADABLE,
    }
