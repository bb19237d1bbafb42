"""The first pages of a new installation, and refreshing pages. No worker is needed, so only the web runs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from i18n.catalog import Language, translations
from models.admin.operations import OperationType
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights
from tests.browser.browser_user import WINDOWS, Person
from tests.browser.filled_system import PASSWORD
from tests.factories import NOW, settings
from tests.installation import environment, installed, own_logging
from tests.sandbox.serving import Host
from web.app import create_app
from worker.container import Container, clock

ANNE, REFRESHED = "anne@example.com", 15_000
"""Milliseconds."""

NEW = {
    "name": "Fjord Prosjekt AS",
    "moment_company": "1002",
    "moment_api_key": "moment-new-key",
    "username": "new@example.com",
    "password": "typed-password",
}

Seat = Callable[..., Person]


@pytest.fixture
def container(database_url: str, redis_url: str, host: tuple[Host, str]) -> Iterator[Container]:
    environ = environment(database_url, redis_url) | {"PUBLIC_URL": host[1]}
    with installed(environ) as container, own_logging(), host[0].serves(create_app()):
        yield container


@pytest.fixture
def seat(container: Container, host: tuple[Host, str], browser: Browser) -> Iterator[Seat]:
    """Seats an administrator of all connections, who reads the pages in a language."""
    people: list[Person] = []

    def seat(language: Language = Language.ENGLISH, **window: Any) -> Person:
        rights = Rights(Role.ADMINISTRATOR, Scope())
        user = users.add(container.database, ANNE, rights, password=PASSWORD, actor="test", now=NOW)
        users.keep_password(container.database, user.id)
        users.set_language(container.database, user.id, language)
        people.append(Person(context=browser.new_context(**window), url=host[1]))
        people[0].sign_in(ANNE, PASSWORD)
        return people[0]

    yield seat
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


@pytest.mark.parametrize(
    ("language", "window", "script"),
    [(Language.ENGLISH, "dark", True), (Language.NORWEGIAN, "phone", False)],
    ids=["in English, by keyboard", "in Norwegian, on a phone, without JavaScript"],
)
def test_without_connections_the_first_page_leads_to_the_setup(
    seat: Seat, language: Language, window: str, *, script: bool
) -> None:
    person, say = seat(language, **WINDOWS[window], java_script_enabled=script), translations(language).gettext
    page = person.page
    expect(page.get_by_text(say("No companies are connected yet."))).to_be_visible()
    if script:
        person.tab_to(say("Connect a company"))
        person.press_enter()
        person.tab_to(say("Name"))
    else:
        page.get_by_role("link", name=say("Connect a company")).click()
    for name, value in NEW.items():
        page.locator(f"[name={name}]").fill(value)
    if script:
        person.tab_to(say("Add and test"))
        person.press_enter()
    else:
        page.get_by_role("button", name=say("Add and test")).click()
    set_up = page.locator("#set-up")
    expect(set_up.get_by_role("heading", name=say("Set up this connection"))).to_be_visible()
    expect(set_up.get_by_text(say("To do"), exact=True)).to_have_count(6)
    expect(page.locator(".tabs [aria-current=page]")).to_have_text(say("Overview"))
    expect(page.get_by_text(say("Testing the connection…"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    if script:
        assert [each["help"] for each in Axe().run(page).response["violations"]] == []


def test_the_overview_refreshes_itself_while_visible_and_no_one_types(container: Container, seat: Seat) -> None:
    names = ("Demo AS", "Fjord AS", "Havn AS")
    ids = [
        container.connections.add(name, settings(moment_company=name), actor="test", now=clock())[0].id
        for name in names
    ]
    person = seat()
    page = person.page
    page.clock.install()
    person.open("/")

    asked: list[str] = []
    page.on("request", lambda request: asked.extend(filter(None, [request.headers.get("x-part")])))

    def pause(number: int) -> None:
        container.connections.pause(ids[number], "Year end.", actor="test", now=clock())
        page.clock.run_for(REFRESHED + 1000)

    pause(0)
    expect(page.get_by_text("1 connection is paused")).to_be_visible()
    page.get_by_label("Company").fill("Fj")
    pause(1)
    page.locator("#main").focus()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.run_for(REFRESHED + 1000)
    assert asked == ["1"]
    page.evaluate("delete document.hidden")
    pause(2)
    expect(page.get_by_text("3 connections are paused")).to_be_visible()
    expect(page.get_by_label("Company")).to_have_value("Fj")


def test_without_javascript_a_link_refreshes_a_running_operation(container: Container, seat: Seat) -> None:
    connection, _ = container.connections.add("Demo AS", settings(), actor="test", now=clock())
    asked = {"first": "2026-01-01", "last": "2026-01-31", "entity_types": "invoice"}
    number = container.operations.request(
        OperationType.BACKFILL, connection.id, input_=asked, actor="test", now=clock()
    )
    person = seat(java_script_enabled=False)
    person.open(f"/operations/{number}")
    container.operations.report_progress(number, done=20, total=50)
    person.page.get_by_role("link", name="Refresh").click()
    expect(person.page.get_by_text("20 of 50 records queued")).to_be_visible()
    person.page.get_by_role("button", name="Cancel").click()
    expect(person.page.get_by_text("Cancelled. What was done before that stays.")).to_be_visible()
    person.open("/")
    expect(person.page.get_by_role("link", name="Refresh")).to_be_visible()
