"""Calls to Moment that fail: each ends in the error that says what happens next."""

import gzip
import json
import time
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from i18n.messages import msg
from integrations.moment import client as moment_client
from integrations.moment.client import MAX_RESPONSE_BYTES, MomentClient, MomentSite, pooled_session
from integrations.moment.error_mapping import Call
from sync.errors import (
    MisconfiguredError,
    OutcomeUnknownError,
    RejectedError,
    ResponseTooLargeError,
    SyncError,
    UnavailableError,
)
from tests.http_server import Answer, sends
from tests.integrations.moment.remote import A_MIB, Remote, listing, pages, rows_of, says

RECORD = {"id": 7, "name": "Kari"}


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def is_silent(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


FAILURES: list[Answer] = [
    hangs_up,
    is_silent,
    drips,
    sends(json.dumps(RECORD).encode(), length=1000),
    sends(b""),
    sends(b'{"id": 7, "na'),
    sends(b"<html>We are back soon</html>"),
    sends(b"\xff\xfe{\x00"),
    sends(b'{"id": 7, "amount": NaN}'),
    sends(b"[" * 100_000),
    sends(b'"' + b"x" * MAX_RESPONSE_BYTES + b'"'),
    sends(gzip.compress(b" " * (MAX_RESPONSE_BYTES + 1)), headers={"Content-Encoding": "gzip"}),
    sends(b"not gzip", headers={"Content-Encoding": "gzip"}),
    says([RECORD]),
    says(None),
    sends(b"", status=302, headers={"Location": "/companies/1001/customers/8"}),
    says({"detail": "Internal error"}, status=500),
    sends(b"<html>", status=503),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_missing_or_invalid_response_means_later(remote: Remote, client: MomentClient, failure: Answer) -> None:
    remote.answers["GET customers/7"] = [failure, says(RECORD)]
    with pytest.raises(UnavailableError, match=r"^Moment .* \(reading customers\)\.$"):
        client.record("customers", "7")
    assert client.record("customers", "7") == RECORD


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_a_write_is_repeated_only_if_the_caller_says_so(
    remote: Remote, client: MomentClient, failure: Answer
) -> None:
    remote.answers["POST projectExpenses"] = [failure]
    with pytest.raises(OutcomeUnknownError, match="it's unclear whether it was saved"):
        client.write("POST", "projectExpenses", {}, repeatable=False)
    with pytest.raises(UnavailableError):
        client.write("POST", "projectExpenses", {}, repeatable=True)


def test_a_write_that_never_left_has_a_known_outcome(site: MomentSite) -> None:
    nowhere = replace(site, url="http://127.0.0.1:1")
    client = MomentClient(nowhere, company="1001", api_key=SecretStr("moment-key"))
    with pytest.raises(UnavailableError, match="Couldn't reach Moment"):
        client.write("POST", "projectExpenses", {}, repeatable=False)


@pytest.mark.parametrize(
    ("status", "consequence"),
    [
        (400, RejectedError),
        (401, MisconfiguredError),
        (403, MisconfiguredError),
        (404, RejectedError),
        (408, UnavailableError),
        (409, RejectedError),
        (422, RejectedError),
        (429, UnavailableError),
        (500, OutcomeUnknownError),
        (503, OutcomeUnknownError),
    ],
)
def test_a_status_of_a_write_has_one_consequence(
    remote: Remote, client: MomentClient, status: int, consequence: type[SyncError]
) -> None:
    remote.answers["POST projectExpenses"] = [says({}, status=status)]
    with pytest.raises(consequence) as error:
        client.write("POST", "projectExpenses", {}, repeatable=False)
    assert type(error.value) is consequence


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says({"detail": "Customer 7 is closed"}, status=409), "Customer 7 is closed"),
        (
            says({"error": "Conflict", "code": 3, "message": "Closed\nfor now"}, status=409),
            "Conflict; Closed for now",
        ),
        (says(["no"], status=422), "status 422"),
        (sends(b"<html>no</html>", status=400), "status 400"),
        (sends(b"[" * 100_000, status=400), "status 400"),
    ],
)
def test_a_refusal_is_reported_in_moments_own_words(
    remote: Remote, client: MomentClient, answer: Answer, said: str
) -> None:
    remote.answers["PATCH customers/7"] = [answer]
    with pytest.raises(RejectedError) as refusal:
        client.write("PATCH", "customers/7", {}, repeatable=True)
    assert refusal.value.message == f"Moment rejected this (saving customers): {said}"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "30"}, timedelta(seconds=30)),
        ({"Retry-After": "Fri, 01 Jan 1999 10:00:00 GMT"}, timedelta(0)),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 30}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_moment_asks_for_is_returned(
    remote: Remote, client: MomentClient, status: int, headers: dict[str, str], wait: timedelta | None
) -> None:
    remote.answers["GET customers/7"] = [says({}, status=status, headers=headers)]
    with pytest.raises(UnavailableError) as pause:
        client.record("customers", "7")
    assert pause.value.retry_after == wait


def test_a_wait_until_a_time_counts_from_the_date_of_the_response() -> None:
    headers = {"Retry-After": "Sun, 22 Nov 2026 10:05:00 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}
    pause = Call(msg("reading {what}", what=msg("customers")), "1001").error_status(429, b"", headers)
    assert isinstance(pause, UnavailableError)
    assert pause.retry_after == timedelta(minutes=5)


def test_a_refused_key_pauses_the_connection_with_a_remedy(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers/7"] = [says({}, status=401)]
    with pytest.raises(MisconfiguredError, match="API key for company 1001") as error:
        client.record("customers", "7")
    assert error.value.remedy.startswith("Create a new API key in Moment")


def test_a_list_that_is_not_found_means_a_wrong_company(client: MomentClient) -> None:
    with pytest.raises(MisconfiguredError, match="Company 1001 doesn't exist in Moment"):
        list(client.pages("financialAccounts"))


@pytest.mark.parametrize("answer", [{"id": 8}, {"name": "Kari"}])
def test_a_response_about_another_record_is_invalid(
    remote: Remote, client: MomentClient, answer: dict[str, object]
) -> None:
    remote.answers["GET customers/7"] = [says(answer)]
    with pytest.raises(UnavailableError):
        client.record("customers", "7")


@pytest.mark.parametrize(
    "answer",
    [{}, {"content": None}, {"content": [7]}, {"content": [], "page": 0}, {"content": []}]
    + [{"content": [RECORD], "page": {"number": number, "totalPages": 2}} for number in (1, None)],
)
def test_a_malformed_list_or_a_wrong_page_is_rejected(
    remote: Remote, client: MomentClient, answer: dict[str, object]
) -> None:
    remote.answers["GET customers"] = [says(answer)]
    with pytest.raises(UnavailableError):
        list(client.pages("customers"))


def test_a_server_that_ignores_the_page_is_detected(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers"] = [pages([RECORD], [RECORD])[0]]
    with pytest.raises(UnavailableError):
        list(client.pages("customers"))


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_include_does_not_mean_that_a_record_is_gone(
    remote: Remote, client: MomentClient, status: int
) -> None:
    remote.answers["GET customers/7/include/base+fax"] = [says({"detail": "no"}, status=status)]
    assert client.record("customers", "7", includes="base+fax") is None
    remote.answers["GET customers/7"] = [says(RECORD)]
    with pytest.raises(MisconfiguredError, match="doesn't include “base\\+fax”") as error:
        client.record("customers", "7", includes="base+fax")
    assert error.value.error_code == "moment_includes"


def test_the_key_goes_to_moment_and_into_no_error(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers/7"] = [hangs_up]
    with pytest.raises(UnavailableError) as error:
        client.record("customers", "7")
    assert remote.asked[0].headers["Authorization"] == "Basic YXBpa2V5Om1vbWVudC1rZXk="
    cause: BaseException | None = error.value
    while cause:
        assert "moment-key" not in repr(cause)
        assert "YXBpa2V5" not in repr(cause)
        cause = cause.__cause__ or cause.__context__


def test_cookies_are_not_kept(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers/7"] = [says(RECORD, headers={"Set-Cookie": "session=1; Path=/"})]
    client.record("customers", "7")
    client.record("customers", "7")
    assert "Cookie" not in remote.asked[1].headers


def test_a_redirect_is_not_followed(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET customers/7"] = [
        sends(b"", status=307, headers={"Location": "/companies/1001/customers/8"})
    ]
    remote.answers["GET customers/8"] = [says({"id": 7})]
    with pytest.raises(UnavailableError):
        client.record("customers", "7")


def test_a_call_is_named_without_ids_and_what_it_includes(remote: Remote, site: MomentSite) -> None:
    names: list[str] = []
    remote.answers["GET customers/7/include/base+email"] = [says(RECORD)]
    with pooled_session(on_call=lambda operation, **_: names.append(operation)) as session:
        client = MomentClient(replace(site, session=session), company="1001", api_key=SecretStr("moment-key"))
        client.record("customers", "7", includes="base+email")
    assert names == ["GET customers"]


def test_a_proxy_of_the_environment_is_used(
    remote: Remote, site: MomentSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", remote.url)
    behind = replace(site, url="http://moment.invalid")
    remote.answers["GET http://moment.invalid/companies/1001/customers/7"] = [says(RECORD)]
    client = MomentClient(behind, company="1001", api_key=SecretStr("moment-key"))
    assert client.record("customers", "7") == RECORD
    assert remote.asked[0].headers["User-Agent"] == "moment-24sevenoffice"


def test_an_id_cannot_lead_to_another_path(remote: Remote, client: MomentClient) -> None:
    assert client.record("customers", "7/../8?x=1") is None
    assert remote.asked[0].what == "GET customers/7%2F..%2F8%3Fx%3D1"


@pytest.mark.parametrize(("asked_from", "told_from"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_all_rows_are_read_wherever_pages_begin(
    remote: Remote, client: MomentClient, *, asked_from: int, told_from: int
) -> None:
    rows = rows_of(1300)
    remote.answers["GET customers"] = [listing(rows, asked_from=asked_from, told_from=told_from)]
    assert list(client.pages("customers")) == rows


def test_a_list_that_stays_shorter_than_it_says_is_an_error(remote: Remote, client: MomentClient) -> None:
    page = {"number": 0, "size": 500, "totalPages": 1, "totalElements": 230}
    remote.answers["GET customers"] = [says({"content": rows_of(25), "page": page})]
    with pytest.raises(UnavailableError, match="returned 25 of the 230 rows in its list") as error:
        list(client.pages("customers"))
    assert (error.value.error_code, remote.times("GET customers")) == ("incomplete_list", 4)


def test_a_row_that_is_pushed_to_a_later_page_and_lost_is_read_again(remote: Remote, client: MomentClient) -> None:
    rows = rows_of(600)
    remote.answers["GET customers"] = [listing(rows[1:]), listing(rows)]
    assert {row["id"] for row in client.pages("customers")} == set(range(1, 601))


def test_all_files_of_an_expense_are_read(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET projectExpenses/7/attachments"] = [listing(rows_of(60), most=25)]
    assert client.sublist("projectExpenses/7/attachments") == rows_of(60)


@pytest.fixture
def reads_a_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than in production, so that a busy machine sends more than it in time."""
    monkeypatch.setattr(moment_client, "MAX_RESPONSE_BYTES", A_MIB)


@pytest.mark.usefixtures("reads_a_mib")
@pytest.mark.parametrize("largest", [1, 7, 60])
def test_a_list_whose_pages_are_too_large_is_read_in_smaller_ones(
    remote: Remote, client: MomentClient, largest: int
) -> None:
    remote.answers["GET invoices"] = [listing(rows_of(130), largest=largest)]
    assert list(client.pages("invoices")) == rows_of(130)


@pytest.mark.usefixtures("reads_a_mib")
def test_a_single_record_that_is_too_large_is_an_error(remote: Remote, client: MomentClient) -> None:
    remote.answers["GET invoices"] = [listing([{"id": 1}], largest=0)]
    with pytest.raises(ResponseTooLargeError, match="more than 1 MiB"):
        list(client.pages("invoices"))


def test_a_record_that_moves_up_a_page_while_the_list_is_read_is_not_missed(
    remote: Remote, client: MomentClient
) -> None:
    before = rows_of(750)
    remote.answers["GET customers"] = [listing(before), listing(before[:5] + before[6:])]
    assert {row["id"] for row in client.pages("customers")} == set(range(1, 751))


def test_a_list_that_keeps_shrinking_is_not_read_forever(remote: Remote, client: MomentClient) -> None:
    rows = rows_of(5000)
    remote.answers["GET customers"] = [listing(rows[: 5000 - n]) for n in range(50)]
    assert list(client.pages("customers"))
    assert remote.times("GET customers") < 30
