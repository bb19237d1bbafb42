from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.visitor import eventually, expect
from models.words import Kind
from worker import polls
from worker.app import QUEUE
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.firm import Firm

MANY = 300


@pytest.fixture
def branches(firm: Firm) -> Iterator[list[int]]:
    """Many connections that take costs from the same ledger."""
    connections = firm.bridge.connections
    settings = firm.connection.settings.model_copy(
        update={"kinds": frozenset({Kind.EXPENSE}), "expense_accounts": "4000, 4300-4399, 6590"}
    )
    added = [
        connections.add(f"Branch {number}", settings, who="test", now=clock())[0].id for number in range(MANY)
    ]
    yield added
    for branch in added:
        connections.pause(branch, "The journey is over.", now=clock())


def test_a_poll_without_news_is_one_call_for_each_of_many_connections(firm: Firm, branches: list[int]) -> None:
    def all_polled() -> None:
        firm.beat("poll_all_expenses")  # each round is a few of them
        expect("still to be polled", polls.expenses_due(firm.bridge, every=1).due.keys() & set(branches), set())
        expect("messages", firm.bridge.redis.llen(QUEUE), 0)
        expect("calls", firm.calls() | {"Login": 1}, {"GetTransactions": MANY, "Login": 1})

    eventually(all_polled)
