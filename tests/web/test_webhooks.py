import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from local.servers import Server
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.enums import EntityType, JobState, Lane, Record, Role
from models.inbox import webhook_limit
from tests.factories import DOCUMENTED_WEBHOOK
from tests.installation import eventually, messages
from tests.web.conftest import Web
from web import webhooks
from web.security.headers import MAX_BODY_BYTES
from worker import dispatch
from worker.container import Container, clock

INVOICE = Record(EntityType.INVOICE, "106939080")


def test_the_documented_webhook_enqueues_its_invoice(web: Web, container: Container) -> None:
    response = web.notify(DOCUMENTED_WEBHOOK)
    assert (response.status_code, response.json()) == (202, {"received": True})
    (view,) = job_list.latest(container.database, JobFilter())
    assert (view.connection_id, view.record, view.state) == (web.connection.id, INVOICE, JobState.QUEUED)
    assert eventually(lambda: messages(container)) == [("sync_invoices", web.connection.id)]


def test_repeated_webhooks_make_one_job_and_one_message(web: Web, container: Container) -> None:
    assert {web.notify(DOCUMENTED_WEBHOOK).status_code for _ in range(5)} == {202}
    assert (
        len(job_list.latest(container.database, JobFilter())) == len(eventually(lambda: messages(container))) == 1
    )


def test_a_webhook_just_after_a_dispatch_has_the_lane_dispatched_again(web: Web, container: Container) -> None:
    lane = Lane(web.connection.id, EntityType.INVOICE)
    for number in range(1, 21):
        assert web.notify(b'{"invoice": {"id": %d}}' % number).status_code == 202
        assert eventually(lambda: messages(container)) == [("sync_invoices", lane.connection_id)]
        dispatch.mark_lane_arrived(lane)
        container.redis.delete("sync")


def test_one_webhook_is_passed_on_at_once_and_a_storm_in_a_few_messages(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatched_at: list[float] = []
    monkeypatch.setattr(
        dispatch, "dispatch_lanes", lambda lanes: dispatched_at.extend(time.monotonic() for _ in lanes)
    )
    monkeypatch.setattr(webhooks, "DISPATCH_DEBOUNCE_SECONDS", 1.0)
    for number in range(1, 11):
        assert web.notify(b'{"customer": {"id": %d}}' % number).status_code == 202
    eventually(lambda: len(dispatched_at) >= 2)
    assert dispatched_at[0] + 0.9 < dispatched_at[1]
    assert len(job_list.latest(container.database, JobFilter())) == 10


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"7", b'"invoice"', b'{"event": "X"}', b'{"invoice": {"id": "../1"}}', b'{"offer": {"id": 1}}'],
)
def test_json_that_names_no_record_is_accepted_and_left_to_the_poll(
    body: bytes, web: Web, container: Container
) -> None:
    response = web.notify(body)
    assert (response.status_code, response.json()) == (202, {"received": False})
    assert job_list.latest(container.database, JobFilter()) == []
    assert messages(container) == []


def test_an_entity_type_that_is_not_synced_is_accepted_and_ignored(web: Web, container: Container) -> None:
    container.connections.update(web.connection.id, {"entity_types": ["customer"]}, actor="test", now=clock())
    assert web.notify(DOCUMENTED_WEBHOOK).status_code == 202
    assert job_list.latest(container.database, JobFilter()) == []


def test_a_paused_connection_still_receives_webhooks(web: Web, container: Container) -> None:
    container.connections.pause(web.connection.id, "The password is wrong.", now=clock())
    assert web.notify(DOCUMENTED_WEBHOOK).json() == {"received": True}
    assert len(job_list.latest(container.database, JobFilter())) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60_000, b"invoice=1", b"NaN1"])
def test_a_body_that_is_not_json_is_refused(body: bytes, web: Web, container: Container) -> None:
    assert web.notify(body).status_code == 400
    assert job_list.latest(container.database, JobFilter()) == []


@pytest.mark.parametrize("token", ["guess", "%00", "x" * 2000, "a%2Fb"])
def test_an_unknown_url_is_not_found_whatever_is_sent(token: str, web: Web, container: Container) -> None:
    for body in (DOCUMENTED_WEBHOOK, b"no json"):
        assert requests.post(f"{web.url}/webhooks/moment/{token}", data=body, timeout=10).status_code == 404
    assert job_list.latest(container.database, JobFilter()) == []


def test_a_body_may_have_at_most_64_kib(web: Web, container: Container) -> None:
    padded = json.dumps({"invoice": {"id": 1}}).encode()
    assert web.notify(padded.ljust(MAX_BODY_BYTES)).status_code == 202
    assert web.notify(padded.ljust(MAX_BODY_BYTES + 1)).status_code == 413
    assert [view.record.id for view in job_list.latest(container.database, JobFilter())] == ["1"]


def test_a_body_without_a_length_is_cut_off_at_the_same_limit(web: Web, container: Container) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    assert requests.post(web.webhook_url, data=endless(), timeout=10).status_code == 413
    assert job_list.latest(container.database, JobFilter()) == []


def test_a_sender_that_hangs_up_halfway_leaves_nothing_behind(web: Web, container: Container) -> None:
    address = urlsplit(web.webhook_url)
    with socket.create_connection((address.hostname, address.port)) as sender:
        sender.sendall(f"POST {address.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert web.notify(DOCUMENTED_WEBHOOK).status_code == 202
    assert len(job_list.latest(container.database, JobFilter())) == 1


@pytest.mark.kills
def test_without_postgresql_the_sender_is_asked_to_retry(web: Web, container: Container, postgres: Server) -> None:
    postgres.kill()
    try:
        response = web.notify(DOCUMENTED_WEBHOOK)
    finally:
        postgres.start()
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert web.notify(DOCUMENTED_WEBHOOK).status_code == 202
    assert len(job_list.latest(container.database, JobFilter())) == 1


@pytest.mark.kills
def test_without_redis_a_webhook_is_still_received(web: Web, container: Container, redis_server: Server) -> None:
    redis_server.kill()
    try:
        assert web.notify(DOCUMENTED_WEBHOOK).status_code == 202
    finally:
        redis_server.start()
    assert len(job_list.latest(container.database, JobFilter())) == 1


def test_the_url_of_a_webhook_is_never_logged(capfd: pytest.CaptureFixture[str], web: Web) -> None:
    web.notify(DOCUMENTED_WEBHOOK)
    web.notify(b"{")
    logged = "".join(capfd.readouterr())
    assert "webhook_received" in logged
    assert web.webhook_url.rpartition("/")[2] not in logged


def test_a_flood_of_new_records_ends_in_a_poll_of_moment_instead(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_limit, "MAX_UNTRIED", 5)
    monkeypatch.setattr(webhooks, "WEBHOOKS_PER_LIMIT_CHECK", 5)
    monkeypatch.setattr(webhooks, "_webhook_counts", Counter())
    container.connections.pause(web.connection.id, "The password is wrong.", now=clock())
    received = [web.notify(b'{"invoice": {"id": %d}}' % number).json()["received"] for number in range(1, 10)]
    assert received == [True] * 5 + [False] * 4
    assert len(job_list.latest(container.database, JobFilter())) == 5
    assert eventually(lambda: [each for each in messages(container) if each[0] == "poll_moment"]) == [
        ("poll_moment", web.connection.id)
    ]


def test_a_connections_page_says_that_its_webhook_is_limited(
    web: Web, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/connections/{web.connection.id}"
    person = web.as_(Role.ADMINISTRATOR)
    assert "so someone else may know the URL" not in person.get(page).text
    monkeypatch.setattr(webhook_limit, "MAX_UNTRIED", 1)
    web.notify(DOCUMENTED_WEBHOOK)
    assert webhook_limit.limit_if_flooded(container.database, web.connection.id, now=clock())
    assert "so someone else may know the URL" in person.get(page).text
