"""One running system for all journeys, and a separate firm for each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.enums import EntityType
from tests.journeys.firm import Firm
from tests.journeys.purchasing import ACCOUNTS, Purchasing
from tests.journeys.running_system import RunningSystem, running_system, show

PACE = {"DISPATCH_SECONDS": "0.5", "LEASE_SECONDS": "6", "POLL_SECONDS": "3600"}
"""Beat dispatches often and leases are short, but polls are too rare to replace a missing webhook."""


@pytest.fixture(scope="session")
def one_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(tmp_path_factory.mktemp("journeys"), settings=PACE, log=show) as running:
        yield running


@pytest.fixture
def new_firm(one_system: RunningSystem) -> Iterator[Callable[..., Firm]]:
    """Return a function that makes and connects a firm with the given settings."""
    firms: list[Firm] = []

    def new(company: str = "", **settings: Any) -> Firm:
        firm = one_system.firm(company)
        firm.connect(**settings)
        firms.append(firm)
        return firm

    for part in one_system.stack.parts.values():
        if not part.alive:
            part.start()
    one_system.stack.wait_until_ready()
    yield new
    for firm in firms:
        firm.leave()


@pytest.fixture
def firm(new_firm: Callable[..., Firm]) -> Firm:
    """A firm that syncs customers, projects and invoices."""
    return new_firm()


@pytest.fixture
def purchasing(new_firm: Callable[..., Firm]) -> Purchasing:
    """A firm that syncs only expenses."""
    return Purchasing(new_firm(entity_types={EntityType.EXPENSE}, expense_accounts=ACCOUNTS))
