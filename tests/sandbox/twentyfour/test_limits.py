from datetime import timedelta

from tests.sandbox.twentyfour.soap_client import Desk


def test_every_answer_says_what_is_left_of_the_hour(desk: Desk) -> None:
    first, second = desk.post("HasSession"), desk.post("GetAccountList")
    assert (first.headers["APILimitRemaining"], second.headers["APILimitRemaining"]) == ("7199", "7198")
    assert first.headers["APILimitReset"] == "2026-03-17T13:00:00Z"


def test_past_the_limit_calls_are_in_quarantine_until_the_next_hour(desk: Desk) -> None:
    desk.control("PUT", "/limits", {"per_hour": 2})
    assert [desk.post("HasSession").status_code for _ in range(2)] == [200, 200]
    blocked = "Limit exceeded by {}. Request is blocked. Quarantine ends at 2026-03-17T13:00:00Z"
    assert desk.fault("HasSession") == blocked.format(1)
    assert desk.fault("HasSession") == blocked.format(2)
    assert desk.post("HasSession").headers["APILimitRemaining"] == "0"
    desk.clock.now += timedelta(hours=1)
    assert desk.post("HasSession").status_code == 200


def test_more_than_25_requests_a_second_are_too_many(desk: Desk) -> None:
    desk.clock.step = timedelta(0)
    assert [desk.post("HasSession").status_code for _ in range(26)] == [200] * 25 + [429]
    desk.clock.now += timedelta(seconds=1)
    assert desk.post("HasSession").status_code == 200


def test_a_reset_gives_back_the_limits(desk: Desk) -> None:
    desk.control("PUT", "/limits", {"per_hour": 0})
    desk.control("POST", "/reset", expect=204)
    assert desk.post("HasSession").headers["APILimitRemaining"] == "7199"


def test_controls_and_books_are_not_counted(desk: Desk) -> None:
    desk.control("PUT", "/limits", {"per_hour": 1})
    desk.books("customers")
    assert desk.post("HasSession").status_code == 200
