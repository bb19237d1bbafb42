"""Event receivers in the API."""

from datetime import timedelta

import pytest

from models.receivers import deliveries
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import EVENT_TYPES
from tests.installation import add_failed_job, messages
from tests.web.api.program import Program
from tests.web.api.test_requests import problem
from tests.web.conftest import Web
from worker.container import Container, clock

URL = "https://erp.example/events"


def test_a_receiver_is_added_changed_and_removed(web: Web, container: Container, program: Program) -> None:
    response = program.post("/receivers", {"url": URL})
    added = response.json()
    address = f"/receivers/{added['id']}"
    assert (response.status_code, response.headers["Location"]) == (201, f"/api/v1{address}")
    assert container.receivers.secrets(added["id"], now=clock()) == [added.pop("secret")]
    assert (added["event_types"], added["connections"]) == (list(EVENT_TYPES), None)
    assert program.get("/receivers").json() == {"items": [added], "next": None}
    number = web.connection.id
    changed = program.ask("PATCH", address, json={"event_types": ["job.done"], "connections": [number]}).json()
    assert changed == {**added, "event_types": ["job.done"], "connections": [number]}
    assert program.get(address).json() == changed
    rotated = program.post(f"{address}/secret").json()
    assert rotated["secret"] == container.receivers.secrets(added["id"], now=clock())[0]
    assert rotated["former_secret_until"]
    assert program.ask("DELETE", address).status_code == 204
    assert problem(program.get(address)) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "erp.example"}, "url"),
        ({"url": "http://erp.example"}, "url"),
        ({"url": URL, "event_types": []}, "event_types"),
        ({"url": URL, "event_types": ["receiver.test"]}, "event_types"),
        ({"url": URL, "connections": []}, "connections"),
        ({"url": URL, "connections": [999_999]}, "connections"),
    ],
)
def test_an_invalid_receiver_is_refused(program: Program, body: dict[str, object], field: str) -> None:
    refused = program.post("/receivers", body)
    assert problem(refused) == (422, "invalid")
    assert [each["field"] for each in refused.json()["errors"]] == [field]


def test_failed_deliveries_are_sent_again(web: Web, container: Container, program: Program) -> None:
    number = program.post("/receivers", {"url": URL}).json()["id"]
    add_failed_job(container, web.connection)
    address, now = f"/receivers/{number}", clock()
    lease = deliveries.acquire(container.database, number, now=now, until=now + timedelta(minutes=1))
    assert lease
    (sent,) = deliveries.due(container.database, lease, now=now, limit=9)
    deliveries.complete(container.database, lease, sent.id, DeliveryAttempt(http_status=200), now=now, jitter=0)
    (line,) = program.get(f"{address}/deliveries").json()["items"]
    assert (line["type"], line["state"], line["http_status"]) == ("job.needs_attention", "delivered", 200)
    assert (line["webhook_id"], line["connection_id"]) == (str(sent.event_id), web.connection.id)
    assert program.post(f"{address}/replays", {"since": "2026-01-01T00:00:00Z"}).json() == {"count": 0}
    assert program.post(f"{address}/deliveries/{sent.id}/replay").json() == {"count": 1}
    assert program.get(f"{address}/deliveries").json()["items"][0]["state"] == "pending"
    assert ("deliver_events", number) in messages(container)


def test_a_receiver_is_tested_unless_it_is_disabled(program: Program) -> None:
    address = f"/receivers/{program.post('/receivers', {'url': URL}).json()['id']}"
    assert program.post(f"{address}/test").status_code == 200
    assert [each["type"] for each in program.get(f"{address}/deliveries").json()["items"]] == ["receiver.test"]
    assert program.post(f"{address}/disable").json()["disabled_because"] == "by_hand"
    for asked in (
        program.post(f"{address}/test"),
        program.post(f"{address}/replays", {"since": "2026-01-01T00:00:00Z"}),
    ):
        assert problem(asked) == (409, "receiver_disabled")
    assert program.post(f"{address}/enable").json()["disabled_at"] is None
