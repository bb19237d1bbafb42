"""Responses of Moment that would block or fill a worker: each is given up by its deadline or its limit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from pydantic import SecretStr

from integrations import transport
from integrations.moment import list_reader
from integrations.moment.client import MomentClient, MomentSite, Upload
from sync.errors import OutcomeUnknownError, SyncError, UnavailableError
from tests.http_server import Answer as Answered
from tests.http_server import sends
from tests.integrations.hostile_server import TOO_LARGE, TOO_SLOW, Answer, serving
from tests.integrations.moment.remote import Remote, says

SECONDS = 0.3
A_WHILE = 2.5  # seconds, on a busy machine


@contextmanager
def moment(answer: Answer, *, seconds: float = SECONDS) -> Iterator[MomentClient]:
    with serving(answer) as url:
        site = MomentSite(url=url, record_url="", connect_seconds=1, answer_seconds=seconds)
        with site.session:
            yield MomentClient(site, company="1001", api_key=SecretStr("moment-key"))


def read_and_write(client: MomentClient) -> list[SyncError]:
    with pytest.raises(UnavailableError) as read:
        client.record("customers", "7")
    with pytest.raises(OutcomeUnknownError) as written:
        client.write("POST", "projectExpenses", {}, repeatable=False)
    return [read.value, written.value]


@pytest.mark.parametrize("answer", TOO_SLOW.values(), ids=TOO_SLOW)
def test_a_slow_response_is_aborted_at_the_deadline_of_the_call(answer: Answer) -> None:
    began = time.monotonic()
    with moment(answer) as client:
        errors = read_and_write(client)
    assert [error.error_code for error in errors] == ["too_slow", "too_slow"]
    assert isinstance(errors[1], OutcomeUnknownError)
    assert errors[1].no_response  # it may still be at work on it
    assert time.monotonic() - began < A_WHILE


@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_oversized_response_is_aborted(answer: Answer) -> None:
    began = time.monotonic()
    with moment(answer, seconds=5) as client:
        errors = read_and_write(client)
    assert [error.error_code for error in errors] == ["too_large", "too_large"]
    assert time.monotonic() - began < A_WHILE


def test_a_file_that_the_server_does_not_read_is_aborted_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "UPLOAD_BYTES_PER_SECOND", 10**9)
    file = Upload(BytesIO(bytes(20_000_000)), name="A.pdf", media_type="application/pdf")
    with moment(TOO_SLOW["status"]) as client, pytest.raises(OutcomeUnknownError) as error:
        client.upload("projectExpenses/7/files", file)
    assert error.value.error_code == "too_slow"


def test_a_file_may_take_longer_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "UPLOAD_BYTES_PER_SECOND", 2000)
    file = Upload(BytesIO(bytes(1000)), name="A.pdf", media_type="application/pdf")
    began = time.monotonic()
    with moment(TOO_SLOW["status"], seconds=0.1) as client, pytest.raises(OutcomeUnknownError):
        client.upload("projectExpenses/7/files", file)
    assert 0.6 < time.monotonic() - began < A_WHILE


def test_a_connection_is_reused_after_a_read_response(remote: Remote, client: MomentClient) -> None:
    peers = set[Any]()

    def answer(handler: Any) -> None:
        peers.add(handler.client_address)
        says({"id": 7})(handler)

    remote.answers["GET customers/7"] = [answer]
    for _ in range(3):
        client.record("customers", "7")
    assert len(peers) == 1


@pytest.mark.parametrize(
    ("body", "error_code"),
    [
        (b'{"id": 7, "lines": ' + b"[" * 100 + b"]" * 100 + b"}", "too_deep"),
        (b'{"id":' * 100 + b"7" + b"}" * 100, "too_deep"),
        (b"[" * 1_000_000, "too_many_rows"),
        (b'{"id": 7, "lines": [' + b"{}," * 1_000_000 + b"{}]}", "too_many_rows"),
        (b'{"id": 7, "lines": [' + b"1.5," * 1_000_000 + b"1]}", "too_many_rows"),
    ],
    ids=["lists", "objects", "open lists", "rows", "numbers"],
)
def test_a_response_that_would_fill_the_memory_is_not_read(
    remote: Remote, client: MomentClient, body: bytes, error_code: str
) -> None:
    remote.answers = {"GET customers/7": [sends(body)], "POST projectExpenses": [sends(body)]}
    assert [error.error_code for error in read_and_write(client)] == [error_code, error_code]


def test_a_refusal_that_would_fill_the_memory_is_reported_by_its_status(
    remote: Remote, client: MomentClient
) -> None:
    remote.answers["PATCH customers/7"] = [sends(b'["' + b'a","' * 1_000_000 + b'"]', status=400)]
    with pytest.raises(SyncError, match="status 400"):
        client.write("PATCH", "customers/7", {}, repeatable=True)


def listing(*, claimed: int, new: bool) -> Answered:
    """Respond to each page with two rows, new ones or the same, and claim ``claimed`` more pages."""

    def answer(handler: Any) -> None:
        number = int(handler.path.partition("page=")[2].partition("&")[0])
        rows = [{"id": 1 + 2 * number * new + place} for place in range(2)]
        page = {"number": number, "totalPages": number + claimed}
        says({"content": rows, "page": page})(handler)

    return answer


def test_a_list_that_claims_a_billion_pages_is_not_read(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers"] = [listing(claimed=10**9, new=True)]
    with pytest.raises(UnavailableError) as error:
        list(client.pages("customers", {}))
    assert error.value.error_code == "too_many_pages"
    assert remote.times("GET customers") == 1


@pytest.mark.parametrize("new", [True, False])
def test_a_list_that_never_ends_is_given_up(
    remote: Remote, client: MomentClient, monkeypatch: pytest.MonkeyPatch, *, new: bool
) -> None:
    monkeypatch.setattr(list_reader, "MAX_ROWS", 7500)
    remote.answers["GET customers"] = [listing(claimed=2, new=new)]
    with pytest.raises(UnavailableError) as error:
        list(client.pages("customers", {}))
    assert error.value.error_code == "too_many_pages"
    assert remote.times("GET customers") == 12


def test_a_list_with_a_million_rows_is_not_read(
    remote: Remote, client: MomentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_reader, "MAX_ROWS", 3000)
    remote.answers["GET financialAccounts"] = [says({"content": [{"id": 1}] * 3001})]
    with pytest.raises(UnavailableError) as error:
        list(client.pages("financialAccounts"))
    assert error.value.error_code == "too_many_rows"
