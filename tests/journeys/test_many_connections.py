from collections.abc import Iterator

import pytest

from local.demo_user import eventually, expect
from models.enums import EntityType
from tests.journeys.firm import LOGIN_OPERATIONS, PASSWORD, Firm
from worker.container import clock
from worker.handlers import polls
from worker.queues import QUEUE_OF


@pytest.fixture(params=[30, pytest.param(100, marks=pytest.mark.thousands)])
def branches(firm: Firm, request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Many connections that sync costs, each from a client of its own."""
    connections = firm.container.connections
    settings = firm.connection.settings.model_copy(
        update={"entity_types": frozenset({EntityType.EXPENSE}), "expense_accounts": "4000, 4300-4399, 6590"}
    )

    def add(number: int) -> int:
        name = f"branch-{number}"
        user = {"username": name, "password": PASSWORD}
        login = firm.control("twentyfour", "PUT", f"books/{1001 + number}", {"name": name, **user})
        own = {"moment_company": name, "username": name, **login}
        return connections.add(name, settings.model_copy(update=own), actor="test", now=clock())[0].id

    added = [add(number) for number in range(request.param)]
    yield added
    for branch in added:
        connections.pause(branch, "The journey is over.", now=clock())


def test_a_poll_without_news_is_one_call_for_each_of_many_connections(firm: Firm, branches: list[int]) -> None:
    def all_polled() -> None:
        firm.beat("poll_all_expenses")  # each round is a few of them
        expect("still to be polled", polls.expenses_due(firm.container, every=1).due.keys() & set(branches), set())
        expect("messages", firm.container.redis.llen(QUEUE_OF["poll_expenses"]), 0)
        calls = firm.calls()
        expect("polls", calls.pop("GetTransactions", 0), len(branches))
        expect("calls besides", calls.keys() - LOGIN_OPERATIONS, set())

    eventually(all_polled)
