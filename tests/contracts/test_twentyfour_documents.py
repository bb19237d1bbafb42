"""Suppliers' documents that the gateway downloads from the sandbox, byte for byte and in pieces."""

import random
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from redis import Redis

from integrations.twentyfour.documents import MAX_CHUNK
from integrations.twentyfour.gateway import TwentyFourGateway
from sync.errors import RejectedError, UnavailableError
from sync.records import VoucherDocument, VoucherDocuments
from tests.contracts.stage_twentyfour import SCAN, TwentyFourSandbox, content_of, soap_client
from tests.contracts.suppliers import add_supplier, enter, scanned
from tests.fakes import FakeErp
from tests.sandbox.serving import sandbox

STAMP = 501
SHORT_ANSWERS = {"max_request_kb": 8}
CHUNK = 3072  # what fits into an answer of 8 kB
WAITING = {"approved": False}


@pytest.fixture
def bookkeeper(twentyfour_sandbox: TwentyFourSandbox) -> TwentyFourSandbox:
    """A bookkeeper with a supplier and two projects."""
    add_supplier(twentyfour_sandbox)
    return twentyfour_sandbox


def bytes_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - any bytes do


def only(erp: TwentyFourGateway) -> VoucherDocument:
    [file] = erp.documents_of([STAMP])[STAMP].approved
    return file


def ids(erp: TwentyFourGateway) -> tuple[list[str], bool]:
    """Return the ids of the approved files, and whether other files wait for approval."""
    files = erp.documents_of([STAMP])[STAMP]
    return [file.id for file in files.approved], files.pending


def test_the_documents_of_a_stamp_are_returned_in_order_with_their_scanned_values(
    bookkeeper: TwentyFourSandbox,
) -> None:
    seen = {"CustomerName": "Byggmakker AS", "InvoiceNo": "F-77", "Amount": "1250"}
    enter(bookkeeper, files=[scanned(b"one", meta=seen, frames=3), scanned(b"two", type="Tiff")])
    enter(bookkeeper, files=[scanned(b"of another voucher")])
    first, second = bookkeeper.gateway().documents_of([STAMP])[STAMP].approved
    assert (first.id, first.type, first.supplier, first.invoice_number) == ("1", "pdf", "Byggmakker AS", "F-77")
    assert (second.id, second.type, second.supplier, second.invoice_number) == ("2", "tiff", "", "")


def test_a_stamp_without_documents_costs_one_call(bookkeeper: TwentyFourSandbox) -> None:
    erp = bookkeeper.gateway()
    assert ids(erp) == ([], False)
    assert bookkeeper.calls() == {"Login": 1, "GetFileInfo": 1}


def test_the_documents_of_several_stamps_come_in_two_calls(bookkeeper: TwentyFourSandbox) -> None:
    for files in ([scanned(b"one"), scanned(b"two", **WAITING)], [scanned(b"three", **WAITING)], []):
        enter(bookkeeper, files=files)
    erp, fake = bookkeeper.gateway(), FakeErp()
    documents = erp.documents_of([501, 502, 503])
    assert bookkeeper.calls() == {"Login": 1, "GetFileInfo": 2}
    fake.stamps = {**erp.documents_of([501]), **erp.documents_of([502])}
    assert documents == {**erp.documents_of([501]), 502: VoucherDocuments(pending=True), 503: VoucherDocuments()}
    assert fake.documents_of([501, 502, 503]) == documents


def test_more_stamps_than_fit_a_call_take_several(bookkeeper: TwentyFourSandbox) -> None:
    erp = bookkeeper.gateway()
    assert len(erp.documents_of(range(1, 1002))) == 1001
    assert bookkeeper.calls()["GetFileInfo"] == 3


def test_documents_wait_until_each_is_approved(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, files=[scanned(b"one", **WAITING), scanned(b"two", **WAITING)])
    erp = bookkeeper.gateway()
    assert ids(erp) == ([], True)
    bookkeeper.control("PATCH", "/books/1/files/2", {"approved": True})
    assert ids(erp) == (["2"], True)
    bookkeeper.control("PATCH", "/books/1/files/1", {"approved": True})
    assert ids(erp) == (["1", "2"], False)


def test_a_document_that_comes_later_is_found_behind_the_same_stamp(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper)
    erp = bookkeeper.gateway()
    assert {line.stamp for line in erp.supplier_voucher("2026-104-40001")} == {None}
    for place, content in enumerate((b"first", b"second")):
        bookkeeper.control("POST", "/books/1/vouchers/40001/files", scanned(content))
        assert {line.stamp for line in erp.supplier_voucher("2026-104-40001")} == {STAMP}
        assert content_of(erp, erp.documents_of([STAMP])[STAMP].approved[place]) == content


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_a_document_of_any_size_is_downloaded_completely(bookkeeper: TwentyFourSandbox, size: int) -> None:
    bookkeeper.control("PUT", "/limits", SHORT_ANSWERS)
    content = bytes_of(size)
    enter(bookkeeper, files=[scanned(content)])
    erp = bookkeeper.gateway()
    assert content_of(erp, only(erp)) == content
    assert bookkeeper.calls().get("DownloadChunk", 0) == -(-size // CHUNK)


def test_all_gateways_of_a_process_ask_once_for_the_maximum_response(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, files=[scanned(SCAN)])
    client = soap_client(bookkeeper.url, bookkeeper.redis)
    for erp in (bookkeeper.gateway(client=client), bookkeeper.gateway(client=client)):
        assert content_of(erp, only(erp)) == content_of(erp, only(erp)) == SCAN
    assert bookkeeper.calls()["GetMaxRequestLength"] == 1


def test_a_new_voucher_with_a_document_costs_six_calls(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, files=[scanned(SCAN)])
    erp = bookkeeper.gateway()
    content_of(erp, only(erp))
    erp.fiscal_years()
    bookkeeper.control("DELETE", "/calls")
    erp.supplier_voucher("2026-104-40001")
    content_of(erp, only(erp))
    once = dict.fromkeys(("GetTransactions", "GetSize", "DownloadChunk", "GetChecksum"), 1)
    assert bookkeeper.calls() == {**once, "GetFileInfo": 2}


def test_a_damaged_document_needs_attention_until_it_is_corrected(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, files=[scanned(SCAN)])
    erp = bookkeeper.gateway()
    bookkeeper.control("PATCH", "/books/1/files/1", {"damaged": True})
    with pytest.raises(RejectedError) as refused:
        content_of(erp, only(erp))
    assert refused.value.error_code == "file_broken"
    bookkeeper.control("PATCH", "/books/1/files/1", {"damaged": False})
    assert content_of(erp, only(erp)) == SCAN


def test_a_document_that_has_vanished_needs_attention(bookkeeper: TwentyFourSandbox) -> None:
    enter(bookkeeper, files=[scanned(SCAN)])
    erp = bookkeeper.gateway()
    file = only(erp)
    bookkeeper.control("DELETE", "/books/1/files/1")
    with pytest.raises(RejectedError) as refused:
        content_of(erp, file)
    assert refused.value.error_code == "file_gone"
    assert ids(erp) == ([], False)


@pytest.mark.parametrize("operation", ["GetSize", "DownloadChunk", "GetChecksum"])
@pytest.mark.parametrize("kind", ["fault", "error_503", "truncated", "lose_response", "garbage"])
def test_a_document_that_is_unavailable_now_is_fetched_later(
    bookkeeper: TwentyFourSandbox, operation: str, kind: str
) -> None:
    enter(bookkeeper, files=[scanned(SCAN)])
    erp = bookkeeper.gateway()
    bookkeeper.add_fault(operation, kind)
    with pytest.raises(UnavailableError):
        content_of(erp, only(erp))
    assert content_of(erp, only(erp)) == SCAN


def test_a_session_that_ends_between_two_chunks_costs_one_more_login(bookkeeper: TwentyFourSandbox) -> None:
    bookkeeper.control("PUT", "/limits", SHORT_ANSWERS)
    content = bytes_of(3 * CHUNK)
    enter(bookkeeper, files=[scanned(content)])
    erp = bookkeeper.gateway()
    bookkeeper.add_fault("DownloadChunk", "lose_session", skip=1)
    assert content_of(erp, only(erp)) == content
    assert (bookkeeper.calls()["Login"], bookkeeper.calls()["DownloadChunk"]) == (2, 4)


@pytest.fixture
def elsewhere(redis_url: str) -> Iterator[TwentyFourSandbox]:
    """24SevenOffice in a separate process, so that its memory is not ours."""
    with sandbox() as (urls, _), Redis.from_url(redis_url) as redis:
        twentyfour_sandbox = TwentyFourSandbox(urls["twentyfour"], redis)
        twentyfour_sandbox.control("PUT", "/limits", {"per_second": 1000})
        add_supplier(twentyfour_sandbox)
        yield twentyfour_sandbox


def test_a_document_of_40_mb_takes_the_memory_of_a_few_chunks(elsewhere: TwentyFourSandbox) -> None:
    content = bytes_of(40_000_003)
    today = datetime.now(UTC).date().isoformat()
    enter(elsewhere, date=today, files=[scanned(content)])
    erp = elsewhere.gateway(identity_id="")
    file = only(erp)
    tracemalloc.start()
    with erp.open_document(file, renew_lease=lambda: None) as fetched:
        _, limit = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fetched.read() == content
    assert limit < 6 * MAX_CHUNK
