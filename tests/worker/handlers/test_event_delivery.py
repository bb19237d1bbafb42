import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.receivers.client import sign
from models.admin import erasure, job_actions
from models.admin.job_filter import JobFilter
from models.admin.operations import OperationType
from models.connections.repository import Connection, UnknownConnectionError
from models.enums import EntityType, Record, Scope
from models.inbox import links
from models.inbox.links import Link
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES, DeliveryProblem, DeliveryState
from models.receivers.repository import Receiver
from models.schema.receiver_tables import EventReceiverRow
from tests.event_receiver import Program, program
from tests.factories import NOW, settings
from tests.installation import add_failed_job, add_reconciliation, environment, messages
from worker import tasks
from worker.container import Container, clock
from worker.handlers import event_delivery
from worker.handlers import operations as jobs_operations

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
URLS = {
    "MOMENT_RECORD_URL": "https://moment.example/{company}/{kind}/{id}",
    "TWENTYFOUR_RECORD_URL": "https://ledger.example/{kind}/{year}/{number}",
}


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    return environment(database_url, redis_url) | {"RECEIVER_PRIVATE_NETWORKS": "true", **URLS}


@pytest.fixture
def listener() -> Iterator[Program]:
    with program() as answer:
        yield answer


@pytest.fixture
def receiver(container: Container, listener: Program) -> Receiver:
    return receiving(container, listener)


def receiving(container: Container, listener: Program) -> Receiver:
    receiver, listener.secret = container.receivers.add(
        listener.url, EVENT_TYPES, Scope(), actor="test", now=clock()
    )
    return receiver


def at(container: Container, instant: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "clock", lambda: instant)


def sweep(container: Container) -> None:
    """Dispatch the due deliveries as beat does, and send them as a worker does."""
    tasks.dispatch_due()
    for task, number in messages(container):
        if task == "deliver_events":
            tasks.deliver_events(number)
    container.redis.flushall()


def states(container: Container, receiver: Receiver) -> list[DeliveryState]:
    return [line.state for line in deliveries.log_page(container.database, receiver.id, key=None).lines]


def test_a_receiver_that_was_down_for_an_hour_gets_every_event_once_it_is_back(
    container: Container,
    connection: Connection,
    receiver: Receiver,
    listener: Program,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back, listener.down = clock(), True
    jobs = []
    for minutes in range(60, 0, -5):
        now = back - minutes * MINUTE
        at(container, now, monkeypatch)
        jobs.append(add_failed_job(container, connection, record_id=str(minutes), now=now))
        sweep(container)
    assert listener.received == []
    listener.down = False
    for minutes in (0, 1, 2):  # the verifier accepts no message that is five minutes off
        at(container, back + minutes * MINUTE, monkeypatch)
        sweep(container)
    assert sorted(event["data"]["job"]["id"] for _, event in listener.received) == jobs
    assert len({message_id for message_id, _ in listener.received}) == len(jobs)
    assert set(states(container, receiver)) == {DeliveryState.DELIVERED}


def test_both_secrets_sign_while_one_replaces_the_other(
    container: Container, receiver: Receiver, listener: Program
) -> None:
    former, now = listener.secret, clock()
    new = container.receivers.rotate(receiver.id, actor="test", now=now - 23 * HOUR)
    for secret in (former, new):
        listener.secret = secret
        container.receivers.test(receiver.id, now=now)
        sweep(container)
    assert [event["type"] for _, event in listener.received] == ["receiver.test"] * 2
    secrets = container.receivers.secrets(receiver.id, now=now + HOUR)
    headers = sign(secrets, message_id="msg_1", at=clock(), body="{}")
    assert Webhook(new).verify("{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(former).verify("{}", headers)


def test_an_event_sent_by_a_killed_worker_is_sent_again_with_the_same_id(
    container: Container, receiver: Receiver, listener: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.receivers.test(receiver.id, now=clock())

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "complete", killed)
        patch.setattr(deliveries, "release", killed)
        with pytest.raises(SystemExit):
            tasks.deliver_events(receiver.id)
    sweep(container)
    assert len(listener.received) == 1  # its lease is still valid
    at(container, clock() + event_delivery.LEASE, monkeypatch)
    sweep(container)
    (first, second) = listener.received
    assert first == second


def test_a_body_names_the_job_and_its_record_with_their_urls(
    container: Container, connection: Connection, receiver: Receiver, listener: Program
) -> None:
    links.save(container.database, connection.id, Record(EntityType.INVOICE, "9"), Link("2026/1024"), now=NOW)
    job_id = add_failed_job(container, connection, title="Invoice 1024 of Kari Nordmann")
    sweep(container)
    assert receiver.id
    ((_, event),) = listener.received
    assert datetime.fromisoformat(event.pop("timestamp")).utcoffset() == timedelta()
    assert event == {
        "type": "job.needs_attention",
        "data": {
            "connection": {"id": connection.id, "name": "Demo AS"},
            "job": {
                "id": job_id,
                "revision": 1,
                "entity_type": "invoice",
                "record_id": "9",
                "outcome": "failed",
                "error_code": "account",
                "url": f"https://bridge.example/records/{job_id}",
            },
            "records": {
                "moment": [{"id": "9", "url": "https://moment.example/1001/invoices/9"}],
                "twentyfour": [{"id": "2026/1024", "url": "https://ledger.example/vouchers/2026/1024"}],
            },
        },
    }


def test_nothing_personal_or_secret_is_sent(
    container: Container, connection: Connection, receiver: Receiver, listener: Program
) -> None:
    add_failed_job(container, connection, title="Invoice 1024 of Kari Nordmann")
    container.connections.pause(connection.id, "Kari is ill.", actor="kari@example.com", now=clock())
    container.connections.resume(connection.id, actor="kari@example.com", now=clock())
    sweep(container)
    answer = json.dumps(listener.received)
    assert len(listener.received) == 3
    assert receiver.id
    assert [
        word for word in ("Kari", "kari", "example.com", "account 3999", "demo-password") if word in answer
    ] == []


@pytest.mark.parametrize("compared_", [True, False])
def test_the_event_of_a_reconciliation_has_its_days_and_counts(
    container: Container, connection: Connection, receiver: Receiver, listener: Program, *, compared_: bool
) -> None:
    asked = {"first": "2026-10-01", "last": "2026-10-31"}
    result = container.operations.get(add_reconciliation(container, connection)) if compared_ else None
    operation_id = container.operations.request(
        OperationType.RECONCILIATION, connection.id, input_=asked, actor="test", now=clock()
    )
    operation = container.operations.get(operation_id)
    assert operation
    answer = (result and result.result) or {"findings": []}
    event = jobs_operations.finished_event(container, operation, answer)
    container.operations.complete(operation_id, answer, now=clock(), event=event)
    sweep(container)
    assert receiver.id
    ((_, sent),) = listener.received
    assert sent["data"]["reconciliation"] == {
        "id": operation_id,
        **asked,
        "compared": compared_,
        "invoices": {"equal": 2, "discrepancies": 2} if compared_ else None,
        "expenses": None,
        "url": f"https://bridge.example/operations/{operation_id}",
    }


def test_a_reconciliation_sends_an_event(
    container: Container, connection: Connection, receiver: Receiver, listener: Program
) -> None:
    asked = {"first": "2026-10-01", "last": "2026-10-31"}
    operation_id = container.operations.request(
        OperationType.RECONCILIATION, connection.id, input_=asked, actor="test", now=clock()
    )
    tasks.run_operation(operation_id)  # Moment cannot be reached
    sweep(container)
    assert receiver.id
    assert [event["data"]["reconciliation"]["compared"] for _, event in listener.received] == [False]


def test_a_dead_receiver_gets_one_attempt_per_sweep_and_delays_no_other(
    container: Container, receiver: Receiver, listener: Program
) -> None:
    with program() as other:
        receiving(container, other)
        connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=NOW)
        listener.down = True
        for number in range(3):
            add_failed_job(container, connection, record_id=str(number))
        sweep(container)
        assert len(other.received) == 3
    attempts = [line.attempts for line in deliveries.log_page(container.database, receiver.id, key=None).lines]
    assert sorted(attempts) == [0, 0, 1]


def test_events_of_an_erased_connection_are_not_sent(
    container: Container, connection: Connection, receiver: Receiver, listener: Program
) -> None:
    add_failed_job(container, connection)
    lease = deliveries.acquire(container.database, receiver.id, now=clock(), until=clock() + HOUR)
    assert lease
    (due,) = deliveries.due(container.database, lease, now=clock(), limit=1)
    container.connections.pause(connection.id, "The connection is being erased.", actor="test", now=clock())
    job_actions.dismiss(container.database, JobFilter(), because="Never.", actor="test", now=clock())
    erasure.erase_connection(container.database, connection.id, actor="test", now=clock())
    with pytest.raises(UnknownConnectionError):
        event_delivery.body_of(container, due)
    deliveries.release(container.database, lease)
    sweep(container)
    assert listener.received == []


def test_an_event_waits_while_the_secret_cannot_be_decrypted(
    container: Container, receiver: Receiver, listener: Program
) -> None:
    container.database.execute(update(EventReceiverRow).values(secret="v2:damaged"))
    container.receivers.test(receiver.id, now=clock())
    sweep(container)
    assert listener.headers == []
    (line,) = deliveries.log_page(container.database, receiver.id, key=None).lines
    assert (line.state, line.problem) == (DeliveryState.PENDING, DeliveryProblem.SECRET_UNREADABLE)


def test_attempts_are_counted_and_pending_deliveries_are_a_metric(
    container: Container, connection: Connection, receiver: Receiver, listener: Program
) -> None:
    listener.status = 500
    add_failed_job(container, connection)
    sweep(container)
    assert receiver.id
    assert 'moment24_event_deliveries_total{status="failed"} 1.0' in container.metrics.text().decode()
    assert "moment24_event_deliveries_pending 1.0" in container.installation_metrics.text().decode()


def test_events_are_kept_for_their_days(container: Container, receiver: Receiver) -> None:
    container.receivers.test(receiver.id, now=clock() - timedelta(days=31))
    container.receivers.test(receiver.id, now=clock() - timedelta(days=29))
    tasks.delete_old()
    assert len(states(container, receiver)) == 1
