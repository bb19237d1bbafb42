from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models.words import Kind, Lane
from tests.installation import messages
from worker import dispatch

if TYPE_CHECKING:
    from local.servers import Server
    from worker.wiring import Bridge

INVOICES, CUSTOMERS = Lane(1, Kind.INVOICE), Lane(1, Kind.CUSTOMER)


def test_a_lane_has_one_message_on_its_way_however_often_it_is_nudged(bridge: Bridge) -> None:
    for _ in range(3):
        dispatch.nudge([INVOICES])
    dispatch.nudge([CUSTOMERS, Lane(2, Kind.INVOICE), INVOICES])
    assert sorted(messages(bridge)) == [("sync_customers", 1), ("sync_invoices", 1), ("sync_invoices", 2)]


def test_a_lane_is_nudged_again_once_its_message_has_arrived(bridge: Bridge) -> None:
    dispatch.nudge([INVOICES])
    dispatch.arrived(INVOICES)
    dispatch.nudge([INVOICES])
    assert len(messages(bridge)) == 2


def test_a_nudge_that_was_lost_holds_up_the_next_for_a_minute_at_most(bridge: Bridge) -> None:
    dispatch.nudge([INVOICES])
    (key,) = bridge.redis.keys("nudged:*")
    assert 0 < bridge.redis.pttl(key) <= 60_000


def test_a_connection_is_told_to_poll_once_even_by_two_beats(bridge: Bridge) -> None:
    every = timedelta(minutes=5)
    dispatch.nudge_polls("poll_moment", {1: every, 2: every})
    dispatch.nudge_polls("poll_moment", {2: every, 1: every})
    assert messages(bridge) == [("poll_moment", 1), ("poll_moment", 2)]


def test_a_few_polls_are_sent_at_a_time_and_one_that_is_on_its_way_takes_no_place(bridge: Bridge) -> None:
    due = dict.fromkeys([5, 3, 4, 1], timedelta(minutes=15))
    for _ in range(2):
        dispatch.nudge_polls("poll_expenses", due, most=2)
    assert [number for _, number in messages(bridge)] == [5, 3, 4, 1]


def test_a_poll_that_failed_is_sent_again_after_half_its_interval(bridge: Bridge) -> None:
    dispatch.nudge_polls("poll_expenses", {1: timedelta(minutes=15)})
    (key,) = bridge.redis.keys("nudged:*")
    assert 449_000 < bridge.redis.pttl(key) <= 450_000


@pytest.mark.kills
def test_without_redis_nothing_is_sent_and_nothing_breaks(bridge: Bridge, redis_server: Server) -> None:
    dispatch.nudge([CUSTOMERS])
    redis_server.kill()
    try:
        dispatch.nudge([INVOICES])
    finally:
        redis_server.start()
    dispatch.nudge([INVOICES])
    assert ("sync_invoices", 1) in messages(bridge)
