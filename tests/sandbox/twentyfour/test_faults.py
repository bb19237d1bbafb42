import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from lxml import etree

from tests.sandbox.twentyfour.soap_client import SoapClient, voucher

COMPANY = "<companies><Company><Name>Kunde AS</Name><Type>Business</Type></Company></companies>"


def save(soap: SoapClient) -> requests.Response:
    return soap.post("SaveCompanies", COMPANY)


def customers(soap: SoapClient) -> int:
    return len(soap.records("customers"))


def until_called(soap: SoapClient, operation: str) -> None:
    while operation not in soap.control("GET", "/calls"):
        time.sleep(0.01)


def test_slow_waits_before_the_work_and_delays_no_other_call(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "slow", seconds=0.3)
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(save, demo)
        until_called(demo, "SaveCompanies")
        assert demo.call("HasSession")["HasSessionResult"] == "true"
        assert customers(demo) == 0
        assert not saving.done()
        assert saving.result().status_code == 200
    assert customers(demo) == 1


def test_hang_closes_the_connection_without_response_or_work(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "hang", seconds=0.1)
    with pytest.raises(requests.ConnectionError, match="without response"):
        save(demo)
    assert customers(demo) == 0


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("fault", 500, "Internal error"),
        ("error_500", 500, "Server Error"),
        ("error_503", 503, "Service Unavailable"),
        ("html", 200, "<html>"),
    ],
)
def test_a_refused_call_does_no_work(demo: SoapClient, kind: str, status: int, text: str) -> None:
    demo.add_fault("SaveCompanies", kind)
    response = save(demo)
    assert response.status_code == status
    assert text in response.text
    assert customers(demo) == 0
    assert save(demo).status_code == 200


def test_a_fault_can_be_parsed_by_a_client(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "fault")
    assert demo.fault("SaveCompanies", COMPANY) == "Internal error"


def test_a_429_has_retry_after(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "too_many", seconds=7, headers={"X-Blame": "you"})
    response = save(demo)
    assert response.status_code == 429
    assert (response.headers["Retry-After"], response.headers["X-Blame"]) == ("7", "you")


def test_garbage_is_not_xml(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "garbage")
    response = save(demo)
    assert response.status_code == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(response.content)
    assert customers(demo) == 0


def test_truncated_does_the_work_and_breaks_off_the_response(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        save(demo)
    assert customers(demo) == 1


def test_lose_response_does_the_work_and_drops_the_connection(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "lose_response")
    with pytest.raises(requests.ConnectionError, match="without response"):
        save(demo)
    assert customers(demo) == 1


def test_save_then_error_does_the_work_and_answers_with_a_fault(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "save_then_error")
    assert demo.fault("SaveCompanies", COMPANY) == "Internal error"
    assert customers(demo) == 1


def test_lose_session_ends_the_session_of_the_call(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "lose_session")
    assert demo.fault("SaveCompanies", COMPANY) == "Session is not authenticated"
    assert demo.call("HasSession")["HasSessionResult"] == "false"
    demo.login()
    assert save(demo).status_code == 200


@pytest.mark.parametrize(("kind", "saved"), [("refuse", []), ("save_then_refuse", [1])])
def test_refuse_returns_a_type_whatever_was_saved(demo: SoapClient, kind: str, saved: list[int]) -> None:
    demo.save_company()
    demo.add_fault("SaveBundleList", kind, result="NotSaved")
    assert demo.refusal(voucher(1))[0] == "NotSaved"
    assert [one["number"] for one in demo.records("vouchers")] == saved
    assert demo.save_vouchers(voucher(2))["Type"] == "Ok"


@pytest.mark.parametrize(("kind", "saved"), [("refuse", 0), ("save_then_refuse", 1)])
def test_a_company_is_refused_by_the_database_whatever_was_saved(demo: SoapClient, kind: str, saved: int) -> None:
    demo.add_fault("SaveCompanies", kind)
    answer = etree.fromstring(save(demo).content)
    assert answer.findtext(".//{*}APIException/{*}Type") == "Office24Seven.Library.Data.DataBaseServerException"
    assert (len(answer.findall(".//{*}Company/{*}Id")), customers(demo)) == (saved, saved)


def test_a_fault_is_played_as_often_as_it_says_after_its_skipped_calls(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "error_503", times=2, skip=1)
    assert [save(demo).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert demo.control("GET", "/faults") == {"pending": [], "played": {"error_503": 2}}


def test_faults_for_any_and_for_one_operation_are_played_in_order(demo: SoapClient) -> None:
    demo.add_fault("*", "error_500")
    demo.add_fault("SaveCompanies", "error_503")
    demo.add_fault("GetAccountList", "fault")
    assert [save(demo).status_code for _ in range(3)] == [500, 503, 200]
    assert [one["kind"] for one in demo.control("GET", "/faults")["pending"]] == ["fault"]


def test_pending_faults_can_be_cancelled(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "error_503", times=100)
    demo.control("DELETE", "/faults", expect=204)
    assert save(demo).status_code == 200


def test_an_unknown_kind_of_fault_is_refused(soap: SoapClient) -> None:
    soap.control("POST", "/faults", {"operation": "*", "kind": "gremlins"}, expect=422)


def test_the_longest_time_to_complete_a_calls_work_is_kept(demo: SoapClient) -> None:
    demo.add_fault("SaveCompanies", "slow", seconds=0.3)
    save(demo)
    save(demo)
    assert demo.control("GET", "/longest")["SaveCompanies"] >= 0.3


def test_latency_is_the_minimum_duration_of_every_call(demo: SoapClient) -> None:
    demo.control("PUT", "/latency", {"seconds": 0.3})
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(save, demo)
        until_called(demo, "SaveCompanies")
        assert customers(demo) == 0
        assert not saving.done()
        assert saving.result().status_code == 200


def test_calls_are_counted_by_operation_including_failed_ones(demo: SoapClient) -> None:
    demo.control("DELETE", "/calls", expect=204)
    demo.add_fault("SaveCompanies", "error_500")
    save(demo)
    save(demo)
    demo.call("GetAccountList")
    assert demo.control("GET", "/calls") == {"SaveCompanies": 2, "GetAccountList": 1}


def test_a_reset_ends_all_faults(demo: SoapClient) -> None:
    demo.add_fault("*", "error_500", times=100)
    demo.control("PUT", "/latency", {"seconds": 0.1})
    save(demo)
    demo.control("POST", "/reset", expect=204)
    assert demo.control("GET", "/faults") == {"pending": [], "played": {}}
    assert demo.control("GET", "/calls") == {}
    assert demo.login()
