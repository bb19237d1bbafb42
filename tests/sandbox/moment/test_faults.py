import time

import pytest
import requests

from tests.sandbox.moment.conftest import CUSTOMER, PROJECT, Moment


def test_calls_are_counted_by_method_and_resource(moment: Moment) -> None:
    moment.read("customers")
    moment.read(f"customers/{CUSTOMER}/include/base+email")
    moment.api("PATCH", f"customers/{CUSTOMER}", json={"name": "Nordlys AS"})
    made = moment.make("projectExpenses", projectId=PROJECT)
    moment.api("POST", f"projectExpenses/{made['id']}/attachments", files={"file": b"%PDF"})
    assert moment.control("GET", "calls").json() == {
        "GET customers": 2,
        "PATCH customers": 1,
        "POST projectExpenses": 1,
        "POST projectExpenses/attachments": 1,
    }


@pytest.mark.parametrize(
    ("kind", "status"), [("fault", 500), ("error_500", 500), ("error_503", 503), ("too_many", 429)]
)
def test_an_error_is_returned_and_nothing_is_done(moment: Moment, kind: str, status: int) -> None:
    moment.control("POST", "faults", json={"operation": "POST customers", "kind": kind})
    assert moment.api("POST", "customers", json={"name": "Ås Bygg AS"}).status_code == status
    assert len(moment.read("customers")["content"]) == 1
    moment.make("customers", name="Ås Bygg AS")


def test_the_work_is_done_but_the_response_is_an_error(moment: Moment) -> None:
    moment.control("POST", "faults", json={"operation": "POST customers", "kind": "save_then_error"})
    assert moment.api("POST", "customers", json={"name": "Ås Bygg AS"}).json() == {"detail": "Internal error"}
    assert len(moment.read("customers")["content"]) == 2


@pytest.mark.parametrize("kind", ["lose_response", "truncated"])
def test_the_work_is_done_but_the_response_breaks_off(moment: Moment, kind: str) -> None:
    moment.control("POST", "faults", json={"operation": "POST customers", "kind": kind})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        moment.api("POST", "customers", json={"name": "Ås Bygg AS"})
    assert len(moment.read("customers")["content"]) == 2


def test_a_slow_call_is_completed_even_if_its_caller_has_given_up(moment: Moment) -> None:
    moment.control("POST", "faults", json={"operation": "POST customers", "kind": "slow", "seconds": 0.2})
    with pytest.raises(requests.ReadTimeout):
        moment.api("POST", "customers", json={"name": "Ås Bygg AS"}, timeout=0.1)
    while len(moment.read("customers")["content"]) < 2:
        time.sleep(0.01)


def test_the_connection_hangs_and_nothing_is_done(moment: Moment) -> None:
    moment.control("POST", "faults", json={"operation": "POST customers", "kind": "hang", "seconds": 0.05})
    with pytest.raises(requests.ConnectionError):
        moment.api("POST", "customers", json={"name": "Ås Bygg AS"})
    assert len(moment.read("customers")["content"]) == 1


def test_a_system_that_is_down_answers_no_call_until_the_outage_ends(moment: Moment) -> None:
    moment.control("POST", "faults", json={"kind": "hang", "seconds": 0.02, "lasts": 0.5})
    for resource in ("customers", "projects", "customers"):
        with pytest.raises(requests.ConnectionError):
            moment.api("GET", resource)
    while moment.control("GET", "faults").json()["pending"]:
        time.sleep(0.01)
    assert moment.api("GET", "customers").ok
