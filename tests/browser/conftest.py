"""The whole system once for all browser tests, and a browser; whoever it is, no page may give it cause to complain."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import running
from tests.browser.filled import PACE, show
from tests.browser.person import Person
from tests.journeys.firm import Firm
from tests.journeys.town import Town, town

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def one_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("browser"), settings=PACE, log=show) as one_town:
        yield one_town


@pytest.fixture
def new_firm(one_town: Town) -> Iterator[Callable[[], Firm]]:
    """Makes a company with fresh books that is not connected yet."""
    firms: list[Firm] = []

    def new() -> Firm:
        firms.append(one_town.firm())
        return firms[-1]

    yield new
    for firm in firms:
        firm.leave()


@pytest.fixture
def firm(new_firm: Callable[[], Firm]) -> Firm:
    """One such company."""
    return new_firm()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running(os.environ) as browser:
        yield browser


@pytest.fixture
def sit_down(browser: Browser, one_town: Town) -> Iterator[Callable[..., Person]]:
    """Seats people at windows of their own; in the end no page may have given one of them cause to complain."""
    people: list[Person] = []

    def seat(**window: Any) -> Person:
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Oslo", **window})
        people.append(Person(context=context, url=one_town.stack.addresses["web"]))
        return people[-1]

    yield seat
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []
