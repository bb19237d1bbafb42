import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from lxml import etree

from tests.sandbox.twentyfour.soap_client import Desk, voucher

COMPANY = "<companies><Company><Name>Kunde AS</Name><Type>Business</Type></Company></companies>"


def save(desk: Desk) -> requests.Response:
    return desk.post("SaveCompanies", COMPANY)


def customers(desk: Desk) -> int:
    return len(desk.books("customers"))


def until_called(desk: Desk, operation: str) -> None:
    while operation not in desk.control("GET", "/calls"):
        time.sleep(0.01)


def test_slow_waits_before_the_work_and_holds_up_nobody_else(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "slow", seconds=0.3)
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(save, demo)
        until_called(demo, "SaveCompanies")
        assert demo.call("HasSession")["HasSessionResult"] == "true"
        assert customers(demo) == 0
        assert not saving.done()
        assert saving.result().status_code == 200
    assert customers(demo) == 1


def test_hang_closes_the_connection_without_an_answer_and_without_work(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "hang", seconds=0.1)
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
def test_a_call_that_is_not_let_in_does_no_work(demo: Desk, kind: str, status: int, text: str) -> None:
    demo.mishap("SaveCompanies", kind)
    response = save(demo)
    assert response.status_code == status
    assert text in response.text
    assert customers(demo) == 0
    assert save(demo).status_code == 200


def test_a_fault_is_one_that_a_client_can_read(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "fault")
    assert demo.fault("SaveCompanies", COMPANY) == "Internal error"


def test_too_many_says_when_to_come_back(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "too_many", seconds=7, headers={"X-Blame": "you"})
    response = save(demo)
    assert response.status_code == 429
    assert (response.headers["Retry-After"], response.headers["X-Blame"]) == ("7", "you")


def test_garbage_is_no_xml(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "garbage")
    response = save(demo)
    assert response.status_code == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(response.content)
    assert customers(demo) == 0


def test_truncated_does_the_work_and_breaks_off_in_the_answer(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        save(demo)
    assert customers(demo) == 1


def test_lose_answer_does_the_work_and_drops_the_connection(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "lose_answer")
    with pytest.raises(requests.ConnectionError, match="without response"):
        save(demo)
    assert customers(demo) == 1


def test_save_then_error_does_the_work_and_answers_with_a_fault(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "save_then_error")
    assert demo.fault("SaveCompanies", COMPANY) == "Internal error"
    assert customers(demo) == 1


def test_lose_session_ends_the_session_that_the_call_came_with(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "lose_session")
    assert demo.fault("SaveCompanies", COMPANY) == "Session is not authenticated"
    assert demo.call("HasSession")["HasSessionResult"] == "false"
    demo.login()
    assert save(demo).status_code == 200


@pytest.mark.parametrize(("kind", "saved"), [("refuse", []), ("save_then_refuse", [1])])
def test_refuse_answers_with_a_type_whatever_was_saved(demo: Desk, kind: str, saved: list[int]) -> None:
    demo.save_company()
    demo.mishap("SaveBundleList", kind, result="NotSaved")
    assert demo.refusal(voucher(1))[0] == "NotSaved"
    assert [one["number"] for one in demo.books("vouchers")] == saved
    assert demo.save_vouchers(voucher(2))["Type"] == "Ok"


def test_a_mishap_is_played_as_often_as_it_says_after_those_it_skips(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "error_503", times=2, skip=1)
    assert [save(demo).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert demo.control("GET", "/faults") == {"pending": [], "played": {"error_503": 2}}


def test_mishaps_for_any_operation_and_for_one_are_played_in_the_order_they_came(demo: Desk) -> None:
    demo.mishap("*", "error_500")
    demo.mishap("SaveCompanies", "error_503")
    demo.mishap("GetAccountList", "fault")
    assert [save(demo).status_code for _ in range(3)] == [500, 503, 200]
    assert [one["kind"] for one in demo.control("GET", "/faults")["pending"]] == ["fault"]


def test_pending_mishaps_can_be_called_off(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "error_503", times=100)
    demo.control("DELETE", "/faults", expect=204)
    assert save(demo).status_code == 200


def test_an_unknown_kind_of_mishap_is_refused(desk: Desk) -> None:
    desk.control("POST", "/faults", {"operation": "*", "kind": "gremlins"}, expect=422)


def test_the_longest_time_until_the_work_of_a_call_was_done_is_kept(demo: Desk) -> None:
    demo.mishap("SaveCompanies", "slow", seconds=0.3)
    save(demo)
    save(demo)
    assert demo.control("GET", "/longest")["SaveCompanies"] >= 0.3


def test_latency_is_the_least_that_every_call_takes(demo: Desk) -> None:
    demo.control("PUT", "/latency", {"seconds": 0.3})
    with ThreadPoolExecutor() as pool:
        saving = pool.submit(save, demo)
        until_called(demo, "SaveCompanies")
        assert customers(demo) == 0
        assert not saving.done()
        assert saving.result().status_code == 200


def test_calls_are_counted_by_operation_even_those_that_go_wrong(demo: Desk) -> None:
    demo.control("DELETE", "/calls", expect=204)
    demo.mishap("SaveCompanies", "error_500")
    save(demo)
    save(demo)
    demo.call("GetAccountList")
    assert demo.control("GET", "/calls") == {"SaveCompanies": 2, "GetAccountList": 1}


def test_a_reset_ends_all_mishaps(demo: Desk) -> None:
    demo.mishap("*", "error_500", times=100)
    demo.control("PUT", "/latency", {"seconds": 0.1})
    save(demo)
    demo.control("POST", "/reset", expect=204)
    assert demo.control("GET", "/faults") == {"pending": [], "played": {}}
    assert demo.control("GET", "/calls") == {}
    assert demo.login()
