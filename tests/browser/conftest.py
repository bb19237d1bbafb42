"""The whole system, once for all browser tests, and a browser; a page that makes it complain fails the test."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.browser_user import VARIANTS, Person, Variant
from tests.browser.chromium import running
from tests.browser.filled_system import PACE, PASSWORD, add_user
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem, running_system, show

expect.set_options(timeout=20_000)

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def one_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(tmp_path_factory.mktemp("browser"), settings=PACE, log=show) as one_system:
        yield one_system


@pytest.fixture
def new_firm(one_system: RunningSystem) -> Iterator[Callable[[], Firm]]:
    """Makes a company with fresh data that is not connected yet."""
    firms: list[Firm] = []

    def new() -> Firm:
        firms.append(one_system.firm())
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
def sit_down(browser: Browser, one_system: RunningSystem) -> Iterator[Callable[..., Person]]:
    """Opens windows for people; at the end, the browser must not have complained about any page."""
    people: list[Person] = []

    def seat(**window: Any) -> Person:
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Oslo", **window})
        people.append(Person(context=context, url=one_system.stack.addresses["web"]))
        return people[-1]

    yield seat
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


@pytest.fixture
def visit(one_system: RunningSystem, sit_down: Callable[..., Person]) -> Callable[..., Person]:
    """Lets a new user sign in and open a page."""

    def visit(path: str = "/", *, variant: Variant = VARIANTS["in English, wide"], **rights: Any) -> Person:
        person = sit_down(viewport=variant.window, java_script_enabled=variant.script)
        person.email = f"user-{next(numbers)}@example.com"
        add_user(one_system, person.email, language=variant.language, **rights)
        person.sign_in(person.email, PASSWORD, path=path)
        return person

    return visit
