"""Responses of 24SevenOffice that would block or fill a worker: each is given up by its deadline or its limit."""

import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler

import pytest
from structlog.testing import capture_logs

from integrations.shared_cache import SharedCache
from integrations.twentyfour import client as soap
from integrations.twentyfour import documents, schema_drift
from integrations.twentyfour.budget import Budget
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.customers import CustomerIndex
from integrations.twentyfour.ledger import LedgerGateway
from integrations.twentyfour.schema_drift import MAX_ELEMENT_LENGTH, MAX_WARNINGS_PER_DAY
from integrations.twentyfour.session import Session
from models.connections.account_ranges import AccountRanges
from sync.errors import OutcomeUnknownError, RejectedError, ResponseTooLargeError, SyncError, UnavailableError
from sync.records import VoucherDocument
from tests.factories import settings
from tests.integrations.hostile_server import TOO_LARGE, TOO_SLOW, Answer, serving
from tests.integrations.twentyfour.remote import ACCOUNTING, SOAP, Remote, faults, says, sends, value_of

READ, SAVE = "GetTypeList", "SaveBundleList"
SECONDS = 0.3
A_WHILE = 2.5  # seconds, on a busy machine
BILLION_LAUGHS = (
    b"<!DOCTYPE x [<!ENTITY a0 'ha'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><x>&a9;</x>"
)


@contextmanager
def twentyfour(answer: Answer, budget: Budget, *, seconds: float = SECONDS) -> Iterator[SoapClient]:
    with serving(answer) as url:
        yield SoapClient(api_url=url, web_url=url, budget=budget, connect_seconds=1, answer_seconds=seconds)


def read_and_write(client: SoapClient) -> list[SyncError]:
    with pytest.raises(UnavailableError) as read:
        client.call("Account", READ)
    with pytest.raises(OutcomeUnknownError) as written:
        client.call("Account", SAVE)
    return [read.value, written.value]


@pytest.mark.parametrize("answer", TOO_SLOW.values(), ids=TOO_SLOW)
def test_a_slow_response_is_aborted_at_the_deadline_of_the_call(answer: Answer, budget: Budget) -> None:
    with twentyfour(answer, budget) as client:
        began = time.monotonic()
        errors = read_and_write(client)
        assert time.monotonic() - began < A_WHILE
    assert [error.error_code for error in errors] == ["too_slow", "too_slow"]
    assert isinstance(errors[1], OutcomeUnknownError)
    assert errors[1].no_response  # it may still be at work on it


@pytest.mark.parametrize("answer", TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_oversized_response_is_aborted(answer: Answer, budget: Budget) -> None:
    with twentyfour(answer, budget, seconds=5) as client:
        began = time.monotonic()
        errors = read_and_write(client)
        assert time.monotonic() - began < A_WHILE
    assert [error.error_code for error in errors] == ["too_large", "too_large"]


@pytest.mark.parametrize(
    ("body", "error_code"),
    [
        (SOAP.format("<a>" * 300 + "</a>" * 300).encode(), "too_deep"),
        (SOAP.format("<a/>" * 1_000_001).encode(), "too_many_rows"),
        (BILLION_LAUGHS, "unreadable"),
    ],
    ids=["deep", "wide", "entities"],
)
def test_a_response_that_would_fill_the_memory_is_not_read(
    remote: Remote, client: SoapClient, body: bytes, error_code: str
) -> None:
    remote.answers = {READ: [sends(body)], SAVE: [sends(body)]}
    assert [error.error_code for error in read_and_write(client)] == [error_code, error_code]


def test_only_the_beginning_of_an_endless_error_is_kept(remote: Remote, client: SoapClient) -> None:
    remote.answers[READ] = [faults("no " * 1_000_000, code="c" * 1_000_000)]
    with pytest.raises(SyncError) as error:
        client.call("Account", READ)
    assert len(error.value.message) < 2500


def test_thousands_of_unknown_elements_make_a_few_log_lines_a_day(
    remote: Remote, client: SoapClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    strays = [f"<x{n}{'x' * 200}/>" for n in range(20_000)]
    remote.answers[READ] = [says(READ, f"<TypeData>{''.join(strays)}</TypeData>"), says(READ, "<News/>")]
    with capture_logs() as logs:
        client.call("Account", READ)
        client.call("Account", READ)
    assert len(logs) <= MAX_WARNINGS_PER_DAY + 1
    assert all(len(log.get("element", "")) <= MAX_ELEMENT_LENGTH + len("TypeData/") for log in logs)
    monkeypatch.setattr(schema_drift, "DAY", 0.0)
    with capture_logs() as logs:
        client.call("Account", READ)
    assert [log["element"] for log in logs] == ["GetTypeListResult/News"]


def test_more_unknown_elements_than_are_logged_are_one_line(remote: Remote, client: SoapClient) -> None:
    remote.answers[READ] = [says(READ, "".join(f"<X{n}/>" for n in range(1000)))]
    with capture_logs() as logs:
        for _ in range(3):
            client.call("Account", READ)
    assert [log["event"] for log in logs] == ["schema_drift"] * MAX_WARNINGS_PER_DAY + ["schema_drift_goes_on"]
    assert logs[-1]["error_code"] == "too_many_warnings"


def sync_list(*, total: int, page: int) -> str:
    return (
        f"<CurrentPage>{page}</CurrentPage><TotalPages>{total}</TotalPages><TotalItems>1</TotalItems>"
        "<ItemsPerPage>1000</ItemsPerPage><Items/>"
    )


@pytest.mark.parametrize(("total", "error_code", "read"), [(10**9, "too_many_pages", 1), (3, "unreadable", 2)])
def test_customers_on_impossibly_many_pages_are_not_read(
    remote: Remote, session: Session, cache: SharedCache, total: int, error_code: str, read: int
) -> None:
    """The second claims three pages, and returns the first one each time."""
    remote.answers |= {
        "Login": [says("Login", "session")],
        "GetCompanySyncList": [says("GetCompanySyncList", sync_list(total=total, page=1))],
    }
    with pytest.raises(UnavailableError) as error:
        CustomerIndex(session, cache).companies()
    assert error.value.error_code == error_code
    assert remote.times("GetCompanySyncList") == read


YEAR = (
    "<FiscalYear><Id>10000000-0000-0000-0000-000000000000</Id><StartingDate>2026-01-01T00:00:00</StartingDate>"
    "<EndingDate>2027-01-01T00:00:00</EndingDate><IsLocked>false</IsLocked></FiscalYear>"
)
LINE = (
    "<Transaction><TransactionNo>{day}</TransactionNo><TransactionTypeId>7</TransactionTypeId>"
    "<Date>2026-03-{day:02}T00:00:00</Date><AccountNo>1500</AccountNo><Amount>1</Amount><InvoiceNo>{day}</InvoiceNo>"
    "<Hidden>false</Hidden><Open>false</Open><HasVatDividend>false</HasVatDividend></Transaction>"
)


def lines_of_days(handler: BaseHTTPRequestHandler, body: str) -> None:
    first, last = (int(value_of(f"Date{end}", body)[8:10]) for end in ("Start", "End"))
    lines = "".join(LINE.format(day=day) for day in range(first, last + 1))
    says("GetTransactions", lines, namespace=ACCOUNTING)(handler)


def test_a_month_too_large_for_a_response_is_read_in_halves(
    remote: Remote, session: Session, cache: SharedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soap, "MAX_TAGS", 200)  # those of ten lines
    remote.answers |= {
        "Login": [says("Login", "session")],
        "GetFiscalYears": [says("GetFiscalYears", YEAR, namespace=ACCOUNTING)],
        "GetTransactions": [lambda handler: lines_of_days(handler, remote.asked[-1].body)],
    }
    gateway = LedgerGateway(settings(), session=session, cache=cache)
    found = gateway.booked(date(2026, 3, 1), date(2026, 3, 31), costs=AccountRanges.parse("")).numbered
    assert [line.voucher_number for line in found] == list(range(1, 32))
    assert remote.times("GetTransactions") == 7
    monkeypatch.setattr(soap, "MAX_TAGS", 20)
    with pytest.raises(ResponseTooLargeError):
        gateway.booked(date(2026, 3, 1), date(2026, 3, 31), costs=AccountRanges.parse(""))


FILE = VoucherDocument("7", "pdf", handle={"Id": 7, "Type": "Pdf", "StampNo": 501})


def download(remote: Remote, session: Session, *, size: int, part: bytes) -> RejectedError:
    remote.answers |= {
        "Login": [says("Login", "session")],
        "GetSize": [says("GetSize", str(size), namespace=ACCOUNTING)],
        "DownloadChunk": [says("DownloadChunk", b64encode(part).decode(), namespace=ACCOUNTING)],
        "GetChecksum": [says("GetChecksum", "0" * 32, namespace=ACCOUNTING)],
    }
    with (
        pytest.raises(RejectedError) as error,
        documents.open_document(session, FILE, chunk=1024, renew_lease=lambda: None),
    ):
        pass
    return error.value


def test_a_document_that_claims_five_gigabytes_is_not_fetched(remote: Remote, session: Session) -> None:
    error = download(remote, session, size=5 * 1024**3, part=bytes(1024))
    assert (error.error_code, error.message) == (
        "file_too_large",
        "A document (pdf, id 7) has 5120 MiB, which is too large to copy to Moment.",
    )
    assert remote.times("DownloadChunk") == 0


def test_a_document_that_comes_byte_by_byte_is_broken(remote: Remote, session: Session) -> None:
    assert download(remote, session, size=10_000, part=b"x").error_code == "file_broken"
    assert remote.times("DownloadChunk") == 20


@pytest.mark.parametrize("told", ["x" * 10_000, "a b", "a;b", "a\nb"])
def test_a_session_that_is_no_valid_cookie_is_not_kept(remote: Remote, session: Session, told: str) -> None:
    remote.answers["Login"] = [says("Login", told)]
    with pytest.raises(UnavailableError, match="an unusable session"):
        session.call("Account", READ)
    assert remote.times(READ) == 0
