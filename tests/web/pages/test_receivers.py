import re

import pytest
import requests

from models.enums import Role, Scope
from models.receivers import deliveries
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import EVENT_TYPES, DeliveryState, EventType
from models.receivers.repository import Receiver
from tests.factories import NOW
from tests.installation import add_failed_job, messages
from tests.web.conftest import Person, Web
from worker.container import Container, clock

URL = "https://crm.example/events"
FIELDS: dict[str, str | list[str]] = {
    "url": URL,
    "event_types": ["job.done", "connection.down"],
    "everywhere": "yes",
}


@pytest.fixture
def receiver(container: Container) -> Receiver:
    receiver, _ = container.receivers.add(URL, EVENT_TYPES, Scope(), actor="test", now=NOW)
    return receiver


def fail(container: Container, receiver: Receiver, attempt: DeliveryAttempt) -> None:
    lease = deliveries.acquire(container.database, receiver.id, now=clock(), until=clock())
    assert lease
    (due, *_) = deliveries.due(container.database, lease, now=clock(), limit=1)
    deliveries.complete(container.database, lease, due.id, attempt, now=clock(), jitter=0)
    deliveries.release(container.database, lease)


def secret_in(page: requests.Response) -> str:
    found = re.search(r'<code id="secret">([^<]+)</code>', page.text)
    assert found, page.text
    return found[1]


def log(container: Container, receiver: Receiver) -> list[DeliveryState]:
    return [line.state for line in deliveries.log_page(container.database, receiver.id, key=None).lines]


def test_a_new_receivers_secret_is_shown_once(container: Container, administrator: Person) -> None:
    secret = secret_in(administrator.post("/receivers/new", **FIELDS))
    (added,) = container.receivers.all()
    assert (added.url, added.scope) == (URL, Scope())
    assert list(added.event_types) == [EventType.JOB_DONE, EventType.CONNECTION_DOWN]
    assert container.receivers.secrets(added.id, now=clock()) == [secret]
    for path in ("/receivers", f"/receivers/{added.id}"):
        page = administrator.get(path).text
        assert URL in page
        assert secret not in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"url": "http://crm.example/events"},
            "The URL must start with https:// unless RECEIVER_PRIVATE_NETWORKS is set.",
        ),
        ({"url": ""}, "Enter a URL such as"),
        ({"event_types": []}, "Choose at least one event."),
        ({"everywhere": ""}, "Choose at least one connection, or all."),
    ],
)
def test_errors_are_shown_beside_the_input(
    container: Container, administrator: Person, receiver: Receiver, wrong: dict[str, str], message: str
) -> None:
    for path in ("/receivers/new", f"/receivers/{receiver.id}"):
        page = administrator.post(path, **{**FIELDS, **wrong})
        assert (page.status_code, message in page.text) == (422, True)
    assert container.receivers.all() == [receiver]


def test_input_that_our_page_cannot_have_offered_is_refused(administrator: Person, receiver: Receiver) -> None:
    assert administrator.post("/receivers/new", **{**FIELDS, "event_types": "receiver.hacked"}).status_code == 400
    for each in ("x", "-1", "2147483648", "9" * 30, "9" * 5000, "\N{ARABIC-INDIC DIGIT ONE}"):
        for path in ("/receivers/new", f"/receivers/{receiver.id}"):
            refused = administrator.post(path, **{**FIELDS, "everywhere": "", "connections": each})
            assert (each, refused.status_code) == (each, 400)


def test_a_receiver_is_changed(container: Container, web: Web, administrator: Person, receiver: Receiver) -> None:
    chosen = {"everywhere": "", "connections": str(web.connection.id)}
    assert administrator.post(f"/receivers/{receiver.id}", **{**FIELDS, **chosen}).status_code == 303
    after = container.receivers.get(receiver.id)
    assert after.scope == Scope(frozenset({web.connection.id}))
    assert len(after.event_types) == 2


def test_a_new_secret_is_shown_once(container: Container, administrator: Person, receiver: Receiver) -> None:
    (former,) = container.receivers.secrets(receiver.id, now=clock())
    secret = secret_in(administrator.post(f"/receivers/{receiver.id}/rotate"))
    assert container.receivers.secrets(receiver.id, now=clock()) == [secret, former]
    assert "Events are signed with both until" in administrator.get(f"/receivers/{receiver.id}").text


def test_a_test_is_sent_by_a_worker_at_once(
    container: Container, administrator: Person, receiver: Receiver
) -> None:
    assert administrator.post(f"/receivers/{receiver.id}/test").status_code == 303
    assert messages(container) == [("deliver_events", receiver.id)]
    assert log(container, receiver) == [DeliveryState.PENDING]


def test_a_disabled_receiver_gets_no_test_event_and_the_page_says_so(
    container: Container, administrator: Person, receiver: Receiver
) -> None:
    container.receivers.disable(receiver.id, actor="test", now=NOW)
    page = administrator.get(administrator.post(f"/receivers/{receiver.id}/test").headers["Location"]).text
    assert "Test event not sent, because the receiver is disabled." in page
    assert "Receiver disabled. It no longer gets events." not in page
    assert log(container, receiver) == []


def test_an_event_that_is_due_is_being_sent_and_has_no_next_attempt_in_the_past(
    container: Container, administrator: Person, receiver: Receiver
) -> None:
    container.receivers.test(receiver.id, now=clock())
    page = administrator.get(f"/receivers/{receiver.id}").text
    assert "being sent" in page
    assert "next attempt:" not in page
    assert "stays valid for 24 hours after you generate a new one" in page


def test_the_log_shows_each_delivery_and_its_response(
    container: Container, web: Web, administrator: Person, receiver: Receiver
) -> None:
    add_failed_job(container, web.connection)
    fail(container, receiver, DeliveryAttempt(http_status=500, response="<b>Oh no</b>"))
    page = administrator.get(f"/receivers/{receiver.id}").text
    for words in ("Record needs attention", "Demo AS", "500", "&lt;b&gt;Oh no&lt;/b&gt;", "Queued"):
        assert words in page
    assert "All deliveries have failed since" in page


def test_failed_events_are_sent_again_one_by_one_or_since_a_day(
    container: Container, web: Web, administrator: Person, receiver: Receiver
) -> None:
    for number in range(3):
        add_failed_job(container, web.connection, record_id=str(number))
    assert administrator.post(f"/receivers/{receiver.id}/disable").status_code == 303
    assert log(container, receiver) == [DeliveryState.FAILED] * 3
    page = administrator.get(f"/receivers/{receiver.id}").text
    assert "Disabled manually." in page
    assert "Resend" not in page
    administrator.post(f"/receivers/{receiver.id}/enable")
    (form, *_) = re.findall(
        r'action="([^"]+/deliveries/\d+/replay)"', administrator.get(f"/receivers/{receiver.id}").text
    )
    again = administrator.get(administrator.post(form).headers["Location"]).text
    assert "Resending failed events." in again
    assert sorted(log(container, receiver)) == ["failed", "failed", "pending"]
    assert administrator.post(f"/receivers/{receiver.id}/replay", since="yesterday").status_code == 422
    administrator.post(f"/receivers/{receiver.id}/replay", since=f"{clock():%Y-%m-%d}")
    assert log(container, receiver) == [DeliveryState.PENDING] * 3
    assert messages(container) == [("deliver_events", receiver.id)]
    answer = administrator.post(f"/receivers/{receiver.id}/replay", since="2026-01-01")
    assert "There's nothing to resend." in administrator.get(answer.headers["Location"]).text


def test_another_receivers_delivery_cannot_be_sent_again(
    container: Container, administrator: Person, receiver: Receiver
) -> None:
    other, _ = container.receivers.add(f"{URL}/2", EVENT_TYPES, Scope(), actor="test", now=NOW)
    container.receivers.test(receiver.id, now=NOW)
    container.receivers.disable(receiver.id, actor="test", now=NOW)
    container.receivers.enable(receiver.id, actor="test", now=NOW)
    (line,) = deliveries.log_page(container.database, receiver.id, key=None).lines
    administrator.post(f"/receivers/{other.id}/deliveries/{line.id}/replay")
    assert log(container, receiver) == [DeliveryState.FAILED]


def test_a_receiver_is_removed(container: Container, administrator: Person, receiver: Receiver) -> None:
    assert administrator.post(f"/receivers/{receiver.id}/remove").headers["Location"] == "/receivers"
    assert container.receivers.all() == []
    assert administrator.get(f"/receivers/{receiver.id}").status_code == 404
    assert administrator.post(f"/receivers/{receiver.id}/test").status_code == 404


def test_the_menu_has_receivers_for_administrators_of_all_connections(web: Web, administrator: Person) -> None:
    assert 'href="/receivers"' in administrator.get("/").text
    for person in (web.as_(Role.OPERATOR), web.as_(Role.ADMINISTRATOR, connections=[web.connection.id])):
        assert 'href="/receivers"' not in person.get("/").text


def test_a_log_of_many_deliveries_has_pages(
    container: Container, administrator: Person, receiver: Receiver
) -> None:
    for _ in range(51):
        container.receivers.test(receiver.id, now=clock())
    first = administrator.get(f"/receivers/{receiver.id}").text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = administrator.get(older).text
    assert [page.count('<code class="quiet">') for page in (first, second)] == [50, 1]
