from collections.abc import Callable, Sequence
from functools import partial

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from i18n.catalog import Language
from local.demo_user import eventually
from local.demo_user import expect as the_same
from models.connections.repository import Connection, UnknownConnectionError
from models.enums import Role
from models.schema.tables import ConnectionRow
from tests.browser.browser_user import DESKTOP, PHONE, Person
from tests.browser.filled_system import PASSWORD, add_user
from tests.factories import settings
from tests.journeys import firm as firms
from tests.journeys.firm import Firm
from tests.journeys.running_system import RunningSystem
from worker.container import Container, clock

BROKEN, ALL = 12, 300
WORDS = {
    Language.ENGLISH: {
        "paused": "Paused",
        "apply": "Apply",
        "all": "Apply to all matching connections (12)",
        "resume": "Start or resume",
        "left_out": "Left out (12)",
        "back": "Back",
        "test": "Test connections",
        "testing": "Testing 12 connections.",
        "resumed": "12 connections resumed.",
        "failed": "1 error",
        "none": "No connections found.",
    },
    Language.NORWEGIAN: {
        "paused": "På pause",
        "apply": "Vis",
        "all": "Gjelder alle tilkoblinger i filteret (12)",
        "resume": "Start eller gjenoppta",
        "left_out": "Utelatt (12)",
        "back": "Tilbake",
        "test": "Test tilkoblinger",
        "testing": "Tester 12 tilkoblinger.",
        "resumed": "12 tilkoblinger er gjenopptatt.",
        "failed": "1 feil",
        "none": "Ingen tilkoblinger funnet.",
    },
}


def three_hundred(container: Container, firm: Firm) -> Sequence[Connection]:
    """Return the broken ones of 300 connections: their password was wrong for a while, and is right again."""
    broken = []
    for number in range(ALL):
        name, company = f"Zeta {number:03}", f"zeta-{number}"
        login = {"username": f"{company}@example.com", "password": firms.PASSWORD}
        try:
            known = container.connections.get_by_name(name)
        except UnknownConnectionError:
            told = settings(moment_company=company, moment_api_key=firms.API_KEY, **login)
            known, _ = container.connections.add(name, told, actor="test", now=clock(), started=False)
        if number % (ALL // BROKEN) == 0:
            firm.control("twentyfour", "PUT", f"books/{9000 + number}", {"name": name, **login})
            firm.control("moment", "PUT", f"companies/{company}", {"name": name, "api_key": firms.API_KEY})
            if known.paused_by:
                container.connections.resume(known.id, actor="test", now=clock())
            container.connections.pause(known.id, "24SevenOffice rejected the password.", now=clock())
            container.connections.save_test_result(known.id, failed_checks=1, at=clock())
            broken.append(known)
    return broken


def expect_a_passed_test(container: Container, connection: Connection) -> None:
    query = select(ConnectionRow.failed_checks).where(ConnectionRow.id == connection.id)
    the_same("errors of the test", container.database.scalar(query), 0)


@pytest.mark.parametrize(
    ("language", "window"),
    [(Language.ENGLISH, DESKTOP), (Language.NORWEGIAN, PHONE)],
    ids=["in English, wide", "in Norwegian, on a phone"],
)
def test_an_operator_finds_and_fixes_the_broken_connections_among_many(
    one_system: RunningSystem,
    firm: Firm,
    sit_down: Callable[..., Person],
    language: Language,
    window: dict[str, int],
) -> None:
    firm.connect()
    container, words = one_system.container, WORDS[language]
    broken = three_hundred(container, firm)
    person, email = sit_down(viewport=window), f"steers-{firm.company}@example.com"
    add_user(one_system, email, role=Role.OPERATOR, language=language)
    person.sign_in(email, PASSWORD, path="/connections?name=zeta")
    page = person.page

    page.locator("#status").select_option(label=words["paused"])
    page.get_by_role("button", name=words["apply"], exact=True).click()
    links = page.locator("tbody td a[href^='/connections/']")
    expect(links).to_have_count(BROKEN)
    assert {container.connections.get(each.id).name for each in broken} == set(links.all_inner_texts())

    def press(name: str) -> None:
        page.get_by_label(words["all"]).check()
        page.get_by_role("button", name=f"{words[name]} …").click()

    press("resume")  # refused until confirmed: their last test failed
    expect(page.get_by_role("heading", name=words["left_out"])).to_be_visible()
    page.get_by_role("link", name=words["back"]).click()
    press("test")
    page.get_by_role("main").get_by_role("button", name=words["test"]).click()
    expect(page.get_by_role("status")).to_contain_text(words["testing"])
    for each in broken:
        eventually(partial(expect_a_passed_test, container, each))
    page.reload()
    expect(page.locator("tbody td").filter(has_text=words["failed"])).to_have_count(0)
    press("resume")
    page.get_by_role("main").get_by_role("button", name=words["resume"]).click()
    expect(page.get_by_role("status")).to_contain_text(words["resumed"])
    expect(page.get_by_text(words["none"])).to_be_visible()
    assert [each.name for each in broken if container.connections.get(each.id).paused_because] == []
    for each in broken:
        container.connections.pause(each.id, "The journey is over.", actor="test", now=clock())
