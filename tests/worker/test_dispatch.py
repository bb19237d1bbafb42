import json
import os
import signal
from datetime import datetime, timedelta

import pytest

from local.servers import Server
from models.admin.operations import OperationType
from models.enums import EntityType, Lane
from tests.factories import settings
from tests.installation import eventually, messages, queued_polls
from worker import dispatch
from worker.celery_app import app
from worker.container import Container, clock
from worker.queues import LANES, QUEUE_OF

INVOICES, CUSTOMERS = Lane(1, EntityType.INVOICE), Lane(1, EntityType.CUSTOMER)


def test_a_lane_has_one_pending_message_however_often_it_is_dispatched(container: Container) -> None:
    for _ in range(3):
        dispatch.dispatch_lanes([INVOICES])
    dispatch.dispatch_lanes([CUSTOMERS, Lane(2, EntityType.INVOICE), INVOICES])
    assert sorted(messages(container)) == [("sync_customers", 1), ("sync_invoices", 1), ("sync_invoices", 2)]


def test_a_lane_is_dispatched_again_once_its_message_has_arrived(container: Container) -> None:
    dispatch.dispatch_lanes([INVOICES])
    dispatch.mark_lane_arrived(INVOICES)
    dispatch.dispatch_lanes([INVOICES])
    assert len(messages(container)) == 2


def test_a_lost_wake_up_delays_the_next_by_at_most_a_minute(container: Container) -> None:
    dispatch.dispatch_lanes([INVOICES])
    (key,) = container.redis.keys("dispatched:*")
    assert 0 < container.redis.pttl(key) <= 60_000


@pytest.mark.kills
def test_a_wake_up_lost_in_a_frozen_redis_delays_the_next_by_seconds(
    container: Container, redis_server: Server
) -> None:
    dispatch.dispatch_lanes([CUSTOMERS])
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        dispatch.dispatch_lanes([INVOICES])
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    key = f"dispatched:{INVOICES.connection_id}:sync_invoices"
    eventually(lambda: container.redis.exists(key))  # the commands it received meanwhile take effect now
    assert messages(container) == [("sync_customers", 1)]
    assert 0 < container.redis.pttl(key) <= 5_000


def test_a_message_that_arrives_while_it_is_sent_leaves_no_key(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "send_task", lambda *_, **__: dispatch.mark_lane_arrived(INVOICES))
    dispatch.dispatch_lanes([INVOICES])
    assert container.redis.keys("dispatched:*") == []


def test_a_connection_is_polled_once_even_by_two_beats(container: Container) -> None:
    every = timedelta(minutes=5)
    dispatch.dispatch_polls("poll_moment", {1: every, 2: every})
    dispatch.dispatch_polls("poll_moment", {2: every, 1: every})
    assert messages(container) == [("poll_moment", 1), ("poll_moment", 2)]


def test_a_few_polls_are_sent_at_a_time_not_counting_pending_ones(container: Container) -> None:
    due = dict.fromkeys([5, 3, 4, 1], timedelta(minutes=15))
    for _ in range(2):
        dispatch.dispatch_polls("poll_expenses", due, limit=2)
    assert [number for _, number in messages(container)] == [5, 3, 4, 1]


def test_a_poll_that_failed_is_sent_again_after_half_its_interval(container: Container) -> None:
    dispatch.dispatch_polls("poll_expenses", {1: timedelta(minutes=15)})
    (key,) = container.redis.keys("dispatched:*")
    assert 449_000 < container.redis.pttl(key) <= 450_000


@pytest.mark.kills
def test_dispatching_while_redis_is_down_raises_nothing(container: Container, redis_server: Server) -> None:
    dispatch.dispatch_lanes([CUSTOMERS])
    redis_server.kill()
    try:
        dispatch.dispatch_lanes([INVOICES])
    finally:
        redis_server.start()
    dispatch.dispatch_lanes([INVOICES])
    assert ("sync_invoices", 1) in messages(container)


def test_only_the_message_of_an_operation_expires(
    container: Container,
) -> None:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=clock())
    asked = container.operations.request(OperationType.DIAGNOSTICS, connection.id, actor="test", now=clock())
    dispatch.dispatch_operations([asked])
    dispatch.dispatch_polls("poll_moment", {1: timedelta(minutes=5)})
    dispatch.dispatch_lanes([Lane(1, EntityType.INVOICE)])
    queues = (QUEUE_OF["run_operation"], QUEUE_OF["poll_moment"], LANES)
    waiting = [json.loads(each) for queue in queues for each in container.redis.lrange(queue, 0, 0)]
    operation, *others = (each["headers"]["expires"] for each in waiting)
    assert timedelta(minutes=5) < datetime.fromisoformat(operation) - clock() < timedelta(minutes=7)
    assert others == [None, None]


def test_a_poll_that_starts_covers_all_polls_sent_before_it(
    container: Container,
) -> None:
    send_poll(container)
    first, second = send_poll(container), send_poll(container)
    assert dispatch.begin_poll("poll_moment", 1, first)
    assert not dispatch.begin_poll("poll_moment", 1, first)
    assert not dispatch.begin_poll("poll_moment", 1, second)
    assert dispatch.begin_poll("poll_moment", 2, second)
    assert dispatch.begin_poll("poll_expenses", 1, second)
    assert dispatch.begin_poll("poll_moment", 1, send_poll(container))


def test_polls_continue_after_redis_has_lost_their_count(container: Container) -> None:
    for _ in range(3):
        last = send_poll(container)
    assert dispatch.begin_poll("poll_moment", 1, last)
    container.redis.delete(dispatch.POLLS_SENT)
    assert dispatch.begin_poll("poll_moment", 1, send_poll(container))


def send_poll(container: Container) -> int:
    """Send connection 1 a poll, as if none was under way, and return its turn."""
    dispatch.forget()
    dispatch.dispatch_polls("poll_moment", {1: timedelta(minutes=5)})
    return queued_polls(container)[-1][1]
