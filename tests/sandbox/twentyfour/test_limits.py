from datetime import timedelta

from tests.sandbox.twentyfour.soap_client import SoapClient


def test_every_response_says_how_many_requests_are_left(soap: SoapClient) -> None:
    first, second = soap.post("HasSession"), soap.post("GetAccountList")
    assert (first.headers["APILimitRemaining"], second.headers["APILimitRemaining"]) == ("7199", "7198")
    assert first.headers["APILimitReset"] == "2026-03-17T13:00:00Z"


def test_beyond_the_limit_calls_are_in_quarantine_until_the_next_hour(soap: SoapClient) -> None:
    soap.control("PUT", "/limits", {"per_hour": 2})
    assert [soap.post("HasSession").status_code for _ in range(2)] == [200, 200]
    blocked = "Limit exceeded by {}. Request is blocked. Quarantine ends at 2026-03-17T13:00:00Z"
    assert soap.fault("HasSession") == blocked.format(1)
    assert soap.fault("HasSession") == blocked.format(2)
    assert soap.post("HasSession").headers["APILimitRemaining"] == "0"
    soap.clock.now += timedelta(hours=1)
    assert soap.post("HasSession").status_code == 200


def test_more_than_25_requests_a_second_are_too_many(soap: SoapClient) -> None:
    soap.clock.step = timedelta(0)
    assert [soap.post("HasSession").status_code for _ in range(26)] == [200] * 25 + [429]
    soap.clock.now += timedelta(seconds=1)
    assert soap.post("HasSession").status_code == 200


def test_a_reset_restores_the_limits(soap: SoapClient) -> None:
    soap.control("PUT", "/limits", {"per_hour": 0})
    soap.control("POST", "/reset", expect=204)
    assert soap.post("HasSession").headers["APILimitRemaining"] == "7199"


def test_controls_and_books_are_not_counted(soap: SoapClient) -> None:
    soap.control("PUT", "/limits", {"per_hour": 1})
    soap.records("customers")
    assert soap.post("HasSession").status_code == 200
