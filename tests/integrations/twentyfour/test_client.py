import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from zeep.exceptions import ValidationError

from integrations.twentyfour.budget import Budget
from integrations.twentyfour.client import MAX_RESPONSE_BYTES, SoapClient
from integrations.twentyfour.error_mapping import SessionRefusedError
from sync.errors import (
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    SyncError,
    UnavailableError,
)
from tests.http_server import Answer
from tests.integrations.twentyfour.remote import SOAP, Remote, faults, hangs_up, says, sends

READ, SAVE = "GetTypeList", "SaveBundleList"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
THIEF = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


def call(client: SoapClient, operation: str, **arguments: Any) -> Any:
    return client.call("Account", operation, **arguments)


def error_of(client: SoapClient, operation: str) -> SyncError:
    with pytest.raises(SyncError) as raised:
        call(client, operation)
    return raised.value


def test_an_array_is_read_as_a_list_and_an_empty_one_as_none(remote: Remote, client: SoapClient) -> None:
    invoice = "<TypeData><TypeId>101</TypeId><Title>Utgående faktura</Title><EntrySeriesId>11</EntrySeriesId>"
    remote.answers[READ] = [says(READ, f"{invoice}<TypeNo>1</TypeNo></TypeData>"), says(READ, "")]
    assert [(each.TypeId, each.Title) for each in call(client, READ)] == [(101, "Utgående faktura")]
    assert call(client, READ) is None


@pytest.mark.parametrize("bad", ["&#x1F;", "&#31;", "&#x0;", "&#xFFFE;", "&#xD83D;", "\x1f", "\x00"])
def test_a_control_character_in_a_response_is_dropped_and_logged_once(
    remote: Remote, client: SoapClient, bad: str
) -> None:
    remote.answers[READ] = [
        says(READ, f"<TypeData><TypeId>101</TypeId><Title>Ut{bad}gå&#xE5;&#10;</Title></TypeData>")
    ]
    with capture_logs() as logs:
        titles = [each.Title for _ in range(2) for each in call(client, READ)]
    assert titles == ["Utgåå\n"] * 2
    assert logs == [{"event": "control_characters", "operation": READ, "log_level": "warning"}]


def test_a_truncated_response_stays_unreadable(remote: Remote, client: SoapClient) -> None:
    remote.answers[READ] = [sends(SOAP.format("<Title>Ut&#x1F;g").encode()[:-40])]
    assert error_of(client, READ).error_code == "unreadable"


@pytest.mark.parametrize("kind", ["multipart/related; boundary=x", "Multipart/Mixed"])
def test_a_multipart_response_is_a_clear_error(remote: Remote, client: SoapClient, kind: str) -> None:
    for operation in (READ, SAVE):
        remote.answers[operation] = [sends(b"--x\r\n\r\n<a/>\r\n--x--", Content_Type=kind)]
    read, saved = error_of(client, READ), error_of(client, SAVE)
    assert (type(read), type(saved)) == (UnavailableError, OutcomeUnknownError)
    assert (read.error_code, saved.error_code) == ("unreadable", "unreadable")
    assert (
        f"multi-part response, which the integration doesn't support: “{kind.lower().split(';')[0]}”"
        in read.message
    )


def test_the_session_is_sent_as_a_cookie_and_never_stored(remote: Remote, client: SoapClient) -> None:
    remote.answers[READ] = [says(READ, "", cookie="ASP.NET_SessionId=of-another; path=/")]
    for session_id in ("one", "two", ""):
        call(client, READ, session_id=session_id)
    assert [asked.cookie for asked in remote.asked] == ["ASP.NET_SessionId=one", "ASP.NET_SessionId=two", ""]


def test_a_proxy_of_the_environment_is_used_and_no_password_of_netrc_is_sent(
    remote: Remote, budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login kari password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", remote.url)
    remote.answers[READ] = [says(READ, "")]
    nowhere = "http://twentyfour.invalid"
    client = SoapClient(api_url=nowhere, web_url=nowhere, budget=budget, connect_seconds=1, answer_seconds=1)
    assert call(client, READ) is None
    assert [(asked.authorization, asked.user_agent) for asked in remote.asked] == [("", "moment-24sevenoffice")]


def test_each_host_is_reached_under_its_own_address(remote: Remote, budget: Budget) -> None:
    remote.answers = {READ: [says(READ, "")], "SaveProject": [says("SaveProject", "7")]}
    elsewhere = "http://127.0.0.1:9"
    client = SoapClient(api_url=elsewhere, web_url=remote.url, budget=budget, connect_seconds=1, answer_seconds=1)
    assert client.call("Project", "SaveProject", project={"Id": 7, "NameDisplay": "Plain", "TimeReg": "WorkType"})
    assert error_of(client, READ).error_code == "no_connection"


@pytest.mark.parametrize(
    ("answer", "error_code"),
    [
        (hangs_up, "no_answer"),
        (sends(b"<html>", length=1000), "no_answer"),
        (sends(b"\x00\xff\x01"), "unreadable"),
        (sends(b""), "unreadable"),
        (sends(b"<html><body>Vi oppdaterer</body></html>"), "unreadable"),
        (sends(SOAP.format("").encode()), "unreadable"),
        (says("HasSession", "true"), "unreadable"),
        (sends(BOMB), "unreadable"),
        (sends(THIEF), "unreadable"),
        (sends(b"down", status=500), "unreadable"),
        (sends(b"down", status=503), "http_error"),
        (sends(b"", status=302, Location="/login"), "http_error"),
        (faults("Internal error"), "fault"),
    ],
)
def test_a_broken_response_is_retried_but_leaves_the_outcome_unknown(
    remote: Remote, client: SoapClient, answer: Answer, error_code: str
) -> None:
    remote.answers = {READ: [answer], SAVE: [answer]}
    read, saved = error_of(client, READ), error_of(client, SAVE)
    assert (type(read), read.error_code) == (UnavailableError, error_code)
    assert (type(saved), saved.error_code) == (OutcomeUnknownError, error_code)


def test_a_late_response_leaves_the_outcome_unknown(budget: Budget) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = SoapClient(api_url=url, web_url=url, budget=budget, connect_seconds=1, answer_seconds=0.1)
        assert type(error_of(client, READ)) is UnavailableError
        assert type(error_of(client, SAVE)) is OutcomeUnknownError


def test_an_endless_response_is_cut_off(remote: Remote, client: SoapClient) -> None:
    remote.answers[READ] = [sends(b" " * (MAX_RESPONSE_BYTES + 1))]
    assert error_of(client, READ).error_code == "too_large"


@pytest.mark.parametrize(
    "answer",
    [sends(b"", status=429, Retry_After="7"), sends(b"no", status=403), faults("Quarantine ends at soon")],
)
def test_a_refused_call_saved_nothing(remote: Remote, client: SoapClient, answer: Answer) -> None:
    remote.answers[SAVE] = [answer]
    assert type(error_of(client, SAVE)) in (UnavailableError, RateLimitedError)


def test_a_call_that_could_not_connect_saved_nothing(budget: Budget) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    client = SoapClient(api_url=url, web_url=url, budget=budget, connect_seconds=1, answer_seconds=1)
    error = error_of(client, SAVE)
    assert (type(error), error.error_code) == (UnavailableError, "no_connection")


def test_too_many_requests_stop_all_workers_for_the_requested_time(remote: Remote, client: SoapClient) -> None:
    remote.answers = {READ: [sends(b"", status=429, Retry_After="7")], SAVE: [says(SAVE, "<Type>Ok</Type>")]}
    error = error_of(client, READ)
    assert isinstance(error, UnavailableError)
    assert error.retry_after == timedelta(seconds=7)
    assert error_of(client, SAVE).error_code == "quarantine"
    assert remote.times(SAVE) == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            faults("Server was unable to process request. ---&gt; Session is not authenticated"),
            SessionRefusedError,
        ),
        (faults("Client is not authenticated on this identity"), SessionRefusedError),
        (says(SAVE, "<Type>NotAuthenticated</Type>"), SessionRefusedError),
        (faults("Login failed. ---&gt; The provided IdentityId is blocked"), MisconfiguredError),
        (faults("TwentyFour.DepartmentIsRequiredException"), RejectedError),
        (faults("error (1, 2). ---&gt; Instance validation error", code="soap:Client"), RejectedError),
    ],
)
def test_a_known_fault_has_its_meaning(
    remote: Remote, client: SoapClient, answer: Answer, error: type[SyncError]
) -> None:
    remote.answers[SAVE] = [answer]
    assert type(error_of(client, SAVE)) is error


@pytest.mark.parametrize(
    "words",
    [
        "session is not authenticated",
        "client is not authenticated on this identity",
        "identity does not exist",
        "The provided IdentityId is blocked",
        "Quarantine ends at soon",
    ],
)
def test_a_record_that_contains_another_faults_words_is_only_refused(
    remote: Remote, client: SoapClient, words: str
) -> None:
    remote.answers[SAVE] = [faults(f"Instance validation error: '{words}' is not valid.", code="soap:Client")]
    remote.answers[READ] = [says(READ, "")]
    error = error_of(client, SAVE)
    assert (type(error), error.error_code) == (RejectedError, "not_understood")
    call(client, READ)  # nothing has stopped other calls


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("NotSaved", RejectedError),
        ("DuplicateData", RejectedError),
        ("DataAlreadySaved", RejectedError),
        ("Exception", RejectedError),
        ("SystemError", UnavailableError),
    ],
)
def test_only_ok_means_saved_and_any_other_result_is_an_error(
    remote: Remote, client: SoapClient, said: str, meaning: type[SyncError]
) -> None:
    refusal = f"<Type>{said}</Type><Description>Konto 3999 finnes ikke.</Description>"
    remote.answers[SAVE] = [says(SAVE, refusal), says(SAVE, "<Type>Ok</Type>")]
    error = error_of(client, SAVE)
    assert isinstance(error, OutcomeUnknownError)
    assert type(error.otherwise) is meaning
    assert "Konto 3999 finnes ikke." in error.message
    assert "Konto 3999 finnes ikke." in error.otherwise.message
    assert call(client, SAVE).Type == "Ok"


def test_a_response_without_a_result_leaves_the_outcome_unknown(remote: Remote, client: SoapClient) -> None:
    remote.answers[SAVE] = [says(SAVE, "")]
    error = error_of(client, SAVE)
    assert isinstance(error, OutcomeUnknownError)
    assert error.otherwise is None


def test_a_request_that_does_not_match_the_wsdl_is_not_sent(remote: Remote, client: SoapClient) -> None:
    with pytest.raises(ValidationError):
        client.call("Project", "SaveProject", project={"Id": 7})
    assert remote.asked == []
