from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from models import retention
from models.admin import audit_log, metrics_snapshot
from models.connections import alert_outbox
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import Role, Scope
from models.receivers import deliveries, outbox
from models.receivers.deliveries import (
    DISABLED_AFTER,
    MAX_RETRY_AFTER,
    RETRY_DELAYS,
    DeliveryAttempt,
    DeliveryView,
)
from models.receivers.outbox import (
    EVENT_TYPES,
    DeliveryProblem,
    DeliveryState,
    DisabledBecause,
    EventType,
    OutgoingEvent,
)
from models.receivers.repository import Receiver, Receivers
from models.schema.receiver_tables import EventDeliveryRow, EventReceiverRow
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import NOW, settings
from tests.models.event_log import URL, add_receiver, events

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TAKEN, BROKEN = DeliveryAttempt(http_status=204), DeliveryAttempt(http_status=500, response="Oh no")


@pytest.fixture
def receiver(receivers: Receivers) -> Receiver:
    return add_receiver(receivers)


def attempt_first(
    database: Database, receiver: Receiver, attempt: DeliveryAttempt, *, now: datetime, jitter: float = 0
) -> DisabledBecause | None:
    """Complete the first due delivery with this attempt."""
    lease = deliveries.acquire(database, receiver.id, now=now, until=now + MINUTE)
    assert lease
    (first, *_) = deliveries.due(database, lease, now=now, limit=10)
    because = deliveries.complete(database, lease, first.id, attempt, now=now, jitter=jitter)
    deliveries.release(database, lease)
    return because


def log(database: Database, receiver: Receiver) -> list[DeliveryView]:
    return list(deliveries.log_page(database, receiver.id, key=None).lines)


def due_receivers(database: Database, *, now: datetime) -> list[int]:
    return list(deliveries.due_receivers(database, now=now))


def test_a_failed_delivery_is_retried_after_the_specified_waits_then_given_up(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    now, waits = NOW, []
    for _ in RETRY_DELAYS:
        attempt_first(database, receiver, BROKEN, now=now)
        (line,) = log(database, receiver)
        assert line.due_at
        waits.append(line.due_at - now)
        now = line.due_at
        if now - NOW > DISABLED_AFTER:
            break
    assert waits == list(RETRY_DELAYS)
    assert sum(RETRY_DELAYS, timedelta()) > DISABLED_AFTER
    assert attempt_first(database, receiver, BROKEN, now=now) is DisabledBecause.FAILING
    (line,) = log(database, receiver)
    assert (line.state, line.due_at, line.attempts) == (DeliveryState.FAILED, None, len(RETRY_DELAYS) + 1)


def test_a_wait_is_up_to_a_fifth_longer_at_random(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    attempt_first(database, receiver, BROKEN, now=NOW, jitter=1)
    assert [line.due_at for line in log(database, receiver)] == [NOW + 6 * SECOND]


@pytest.mark.parametrize(
    ("asked_for", "wait"),
    [(2 * SECOND, 5 * SECOND), (10 * MINUTE, 10 * MINUTE), (timedelta(days=30), MAX_RETRY_AFTER)],
)
def test_a_response_may_ask_for_a_wait_of_an_hour_at_most(
    database: Database, receivers: Receivers, receiver: Receiver, asked_for: timedelta, wait: timedelta
) -> None:
    for _ in range(2):
        receivers.test(receiver.id, now=NOW)
    attempt_first(database, receiver, DeliveryAttempt(http_status=429, retry_after=asked_for), now=NOW)
    assert due_receivers(database, now=NOW + wait - SECOND) == []  # the other one waits too
    assert due_receivers(database, now=NOW + wait) == [receiver.id]


def test_a_receiver_that_is_down_is_tried_at_growing_intervals(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    for _ in range(30):
        receivers.test(receiver.id, now=NOW)
    now, pauses = NOW, []
    for _ in range(6):
        attempt_first(database, receiver, BROKEN, now=now)
        pause = next(each for each in range(1, 400) if due_receivers(database, now=now + each * SECOND))
        pauses.append(pause)
        now += pause * SECOND
    assert pauses == [5, 15, 45, 135, 300, 300]


def test_when_a_receiver_is_back_all_pending_deliveries_are_due(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    now = NOW
    for _ in range(4):
        receivers.test(receiver.id, now=now)
        attempt_first(database, receiver, BROKEN, now=now)
        now += 10 * MINUTE
    attempt_first(database, receiver, TAKEN, now=now)
    waiting = [line.due_at for line in log(database, receiver) if line.state is DeliveryState.PENDING]
    assert len(waiting) == 3
    assert [at for at in waiting if at is None or at > now] == []


def test_an_event_that_is_always_refused_keeps_its_own_waits(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    for number in range(3):
        receivers.test(receiver.id, now=NOW + number * SECOND)
    attempt_first(database, receiver, BROKEN, now=NOW + 10 * SECOND)
    attempt_first(database, receiver, TAKEN, now=NOW + 15 * SECOND)
    refused = next(
        line for line in log(database, receiver) if line.attempts and line.state is DeliveryState.PENDING
    )
    assert refused.due_at == NOW + 15 * SECOND
    attempt_first(database, receiver, TAKEN, now=NOW + 16 * SECOND)
    attempt_first(database, receiver, BROKEN, now=NOW + 17 * SECOND)
    receivers.test(receiver.id, now=NOW + MINUTE)
    attempt_first(database, receiver, TAKEN, now=NOW + MINUTE)
    lines = [line for line in log(database, receiver) if line.state is DeliveryState.PENDING]
    assert [line.due_at for line in lines] == [NOW + 17 * SECOND + RETRY_DELAYS[1]]


def test_a_receiver_has_one_worker_until_its_lease_expires(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    vanished = deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE)
    assert vanished
    assert deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE) is None
    assert due_receivers(database, now=NOW) == []
    assert due_receivers(database, now=NOW + MINUTE) == [receiver.id]
    assert deliveries.acquire(database, receiver.id, now=NOW + MINUTE, until=NOW + HOUR)
    assert deliveries.due(database, vanished, now=NOW + MINUTE, limit=10) == []


def test_a_dead_receiver_does_not_delay_another(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    other = add_receiver(receivers)
    for each in (receiver, other):
        receivers.test(each.id, now=NOW)
    assert deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE)  # this worker hangs
    assert due_receivers(database, now=NOW) == [other.id]
    attempt_first(database, other, TAKEN, now=NOW)


@pytest.mark.parametrize(("role", "mailed"), [(Role.ADMINISTRATOR, True), (Role.OPERATOR, False)])
def test_a_receiver_that_is_gone_is_disabled_at_once_logged_and_mailed(
    database: Database, receivers: Receivers, receiver: Receiver, role: Role, *, mailed: bool
) -> None:
    email = "anna@example.com"
    users.add(database, email, Rights(role, Scope()), password=None, actor="test", now=NOW)
    for _ in range(2):
        receivers.test(receiver.id, now=NOW)
    assert attempt_first(database, receiver, DeliveryAttempt(http_status=410), now=NOW) is DisabledBecause.GONE
    assert receivers.get(receiver.id).disabled_because is DisabledBecause.GONE
    assert [line.state for line in log(database, receiver)] == [DeliveryState.FAILED] * 2
    audited = [(each.actor, each.action) for each in audit_log.page(database, Scope(), users=True).lines]
    assert ("the integration", f"Event receiver {receiver.id} (program.example): Disabled") in audited
    alerts = [(each.type, each.title) for each in alert_outbox.pending_alerts(database, email)]
    assert alerts == ([("receiver", f"Event receiver {receiver.id}")] if mailed else [])


def test_a_receiver_that_fails_for_five_days_is_disabled_and_a_success_resets_that(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    attempt_first(database, receiver, BROKEN, now=NOW)
    assert attempt_first(database, receiver, BROKEN, now=NOW + DISABLED_AFTER - SECOND) is None
    attempt_first(database, receiver, TAKEN, now=NOW + DISABLED_AFTER + HOUR)
    begin = NOW + 2 * DISABLED_AFTER
    for day in range(5):
        receivers.test(receiver.id, now=begin)
        now = begin + timedelta(days=day)
        assert attempt_first(database, receiver, DeliveryAttempt(problem=DeliveryProblem.TIMEOUT), now=now) is None
    assert attempt_first(database, receiver, BROKEN, now=begin + DISABLED_AFTER) is DisabledBecause.FAILING
    assert due_receivers(database, now=begin + 2 * DISABLED_AFTER) == []


def test_given_up_deliveries_are_replayed_with_the_same_id_once_enabled(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    for number in range(3):
        receivers.test(receiver.id, now=NOW + number * HOUR)
    before = {line.event_id for line in log(database, receiver)}
    receivers.disable(receiver.id, actor="test", now=NOW + 4 * HOUR)
    assert deliveries.replay(database, receiver.id, since=NOW, now=NOW + 5 * HOUR) == 0
    receivers.enable(receiver.id, actor="test", now=NOW + 5 * HOUR)
    assert deliveries.replay(database, receiver.id, since=NOW + HOUR, now=NOW + 5 * HOUR) == 2
    states = [line.state for line in log(database, receiver)]
    assert states == [DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.FAILED]
    assert {line.event_id for line in log(database, receiver)} == before


def test_one_delivery_is_replayed_even_if_accepted_but_not_another_receivers(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    other = add_receiver(receivers)
    receivers.test(receiver.id, now=NOW)
    attempt_first(database, receiver, TAKEN, now=NOW)
    (line,) = log(database, receiver)
    assert deliveries.replay(database, other.id, delivery_id=line.id, now=NOW) == 0
    assert deliveries.replay(database, receiver.id, delivery_id=line.id, now=NOW) == 1
    assert deliveries.replay(database, receiver.id, delivery_id=line.id, now=NOW) == 0  # it is on its way
    assert [(each.state, each.attempts) for each in log(database, receiver)] == [(DeliveryState.PENDING, 0)]


def test_the_log_shows_the_last_attempt(database: Database, receivers: Receivers, receiver: Receiver) -> None:
    receivers.test(receiver.id, now=NOW)
    attempt_first(database, receiver, BROKEN, now=NOW)
    (line,) = log(database, receiver)
    assert (line.http_status, line.answer, line.problem, line.attempts) == (500, "Oh no", None, 1)
    attempt_first(database, receiver, DeliveryAttempt(problem=DeliveryProblem.PRIVATE_ADDRESS), now=NOW + HOUR)
    (line,) = log(database, receiver)
    assert (line.http_status, line.answer, line.problem) == (None, "", DeliveryProblem.PRIVATE_ADDRESS)


@pytest.mark.usefixtures("connection")
def test_events_are_deleted_with_their_deliveries_after_their_days(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    receivers.test(receiver.id, now=NOW + HOUR)
    assert retention.delete_events(database, before=NOW + HOUR) == 1
    assert len(events(database)) == len(log(database, receiver)) == 1


def test_removing_a_receiver_removes_its_deliveries(
    database: Database, receivers: Receivers, receiver: Receiver, connection: Connection
) -> None:
    kept = add_receiver(receivers, url=f"{URL}/{connection.id}", connections=[connection.id])
    for each in (receiver, kept):
        receivers.test(each.id, now=NOW)
    receivers.remove(receiver.id, actor="test", now=NOW)
    assert [each.id for each in receivers.all()] == [kept.id]
    assert list(database.scalars(select(EventDeliveryRow.receiver_id))) == [kept.id]


@pytest.fixture
def other(connections: Connections) -> Connection:
    connection, _ = connections.add("Beta AS", settings(moment_company="beta"), actor="test", now=NOW)
    return connection


def record_event(database: Database, connection: Connection, type_: EventType = EventType.JOB_DONE) -> None:
    with database.transaction() as session:
        outbox.record(session, connection.id, [OutgoingEvent(type_)], now=NOW)


def narrow(receivers: Receivers, receiver: Receiver, connection: Connection) -> None:
    """Change a receiver to another URL, with one event type of one connection."""
    only, where = [EventType.JOB_DONE], Scope(frozenset({connection.id}))
    receivers.update(receiver.id, f"{URL}/2", only, where, actor="test", now=NOW)


def due_events(database: Database, receiver: Receiver) -> list[tuple[int | None, EventType]]:
    lease = deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE)
    assert lease
    due = deliveries.due(database, lease, now=NOW, limit=10)
    deliveries.release(database, lease)
    return [(each.connection_id, each.type) for each in due]


def test_a_changed_receiver_gets_only_pending_events_that_it_still_wants(
    database: Database, receivers: Receivers, receiver: Receiver, connection: Connection, other: Connection
) -> None:
    for type_ in (EventType.JOB_DONE, EventType.CONNECTION_DOWN):
        record_event(database, connection, type_)
        record_event(database, other, type_)
    receivers.test(receiver.id, now=NOW)
    narrow(receivers, receiver, connection)
    shown = [
        (line.type, line.connection_id, line.state, line.problem) for line in reversed(log(database, receiver))
    ]
    given_up = (DeliveryState.FAILED, DeliveryProblem.NOT_WANTED)
    assert shown == [
        ("job.done", connection.id, DeliveryState.PENDING, None),
        ("job.done", other.id, *given_up),
        ("connection.down", connection.id, *given_up),
        ("connection.down", other.id, *given_up),
        ("receiver.test", None, DeliveryState.PENDING, None),
    ]
    assert due_events(database, receiver) == [(connection.id, "job.done"), (None, "receiver.test")]


def test_events_a_receiver_no_longer_wanted_are_replayed_once_it_wants_them(
    database: Database, receivers: Receivers, receiver: Receiver, connection: Connection, other: Connection
) -> None:
    for each in (connection, other):
        record_event(database, each)
        attempt_first(database, receiver, TAKEN, now=NOW)
    record_event(database, other)
    narrow(receivers, receiver, connection)
    (waits, *_), taken = log(database, receiver), DeliveryState.DELIVERED
    delivered = {line.connection_id: line for line in log(database, receiver) if line.state is taken}
    for line, count in ((delivered[connection.id], 1), (delivered[other.id], 0), (waits, 0)):
        assert deliveries.replay(database, receiver.id, delivery_id=line.id, now=NOW) == count
    assert deliveries.replay(database, receiver.id, since=NOW, now=NOW) == 0
    receivers.update(receiver.id, URL, EVENT_TYPES, Scope(), actor="test", now=NOW)
    assert deliveries.replay(database, receiver.id, since=NOW, now=NOW) == 1
    again = next(line for line in log(database, receiver) if line.id == waits.id)
    assert (again.state, again.problem) == (DeliveryState.PENDING, None)


def test_an_event_that_was_written_while_a_receiver_was_changed_is_not_sent_either(
    database: Database, receivers: Receivers, receiver: Receiver, connection: Connection, other: Connection
) -> None:
    with database.transaction() as session:
        outbox.record(session, other.id, [OutgoingEvent(EventType.JOB_DONE)], now=NOW)
        narrow(receivers, receiver, connection)
    lease = deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE)
    assert lease
    assert deliveries.due(database, lease, now=NOW, limit=10) == []
    assert due_receivers(database, now=NOW + HOUR) == []
    assert [line.problem for line in log(database, receiver)] == [DeliveryProblem.NOT_WANTED]


def test_sending_stops_if_the_receiver_is_changed_meanwhile(
    database: Database, receivers: Receivers, receiver: Receiver, connection: Connection
) -> None:
    record_event(database, connection)
    lease = deliveries.acquire(database, receiver.id, now=NOW, until=NOW + MINUTE)
    assert lease
    receivers.update(receiver.id, f"{URL}/2", EVENT_TYPES, Scope(), actor="test", now=NOW)
    assert deliveries.due(database, lease, now=NOW, limit=10) == []


def test_pending_deliveries_of_a_disabled_receiver_do_not_count_as_late(
    database: Database, receivers: Receivers, receiver: Receiver
) -> None:
    receivers.test(receiver.id, now=NOW)
    snapshot = metrics_snapshot.read(database, now=NOW + HOUR)
    assert (snapshot.deliveries, snapshot.deliveries_seconds) == (1, 3600)
    # As if an event was committed just after the receiver was disabled.
    database.execute(update(EventReceiverRow).values(disabled_at=NOW))
    snapshot = metrics_snapshot.read(database, now=NOW + HOUR)
    assert (snapshot.deliveries, snapshot.deliveries_seconds) == (0, 0)
