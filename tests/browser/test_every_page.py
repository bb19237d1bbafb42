"""The rules for all pages. Pages are found by following links, and each route must have been reached."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from pyotp import TOTP

from i18n.catalog import Language
from models.users import repository as users
from models.users import sessions
from models.users.proofs import Proof
from tests.browser.browser_user import WINDOWS, Person
from tests.browser.filled_system import PASSWORD, add_user, addresses, filled_system, routes
from tests.installation import add_reconciliation
from tests.journeys.running_system import RunningSystem, show
from worker.container import clock

ANNE, KARI = "anne@example.com", "kari@example.com"
GIVEN = "given by telephone"
SERIOUS = {"serious", "critical"}
HARDLY = 1
"""Pixels that rounding may add to a width."""

in_both_windows = pytest.mark.parametrize("window", ["light", "dark phone"])
"""Both themes, wide and narrow: no color depends on the width."""

WIDTHS = (320, 375, 600, 720, 768, 900, 1024, 1152, 1280, 1920)


pytestmark = pytest.mark.timeout(900)  # the working day before the first test takes minutes on a busy machine


@pytest.fixture(scope="module")
def one_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A separate system after a working day, with one administrator for each language."""
    with filled_system(tmp_path_factory.mktemp("filled"), log=show) as running_system:
        add_user(running_system, ANNE)
        add_user(running_system, KARI, language=Language.NORWEGIAN)
        yield running_system


@pytest.fixture(scope="module")
def tour(one_system: RunningSystem, browser: Browser) -> Mapping[str, str]:
    """A URL of each route."""
    with browser.new_context() as context:
        person = Person(context=context, url=one_system.stack.addresses["web"])
        person.sign_in(ANNE, PASSWORD)
        return addresses(one_system, person)


@in_both_windows
def test_every_page_can_be_reached_and_has_no_faults(
    window: str, one_system: RunningSystem, tour: Mapping[str, str], sit_down: Callable[..., Person]
) -> None:
    assert set(routes(one_system)) - set(tour) == set()
    person = sit_down(**WINDOWS[window])
    person.sign_in(ANNE, PASSWORD)
    found: list[str] = []
    for address in tour.values():
        assert person.open(address).ok
        found += faults(person)
    assert found == []


@pytest.mark.parametrize("actor", [ANNE, KARI], ids=["in English", "in Norwegian"])
def test_at_no_width_does_a_page_scroll_sideways(
    actor: str, one_system: RunningSystem, tour: Mapping[str, str], sit_down: Callable[..., Person]
) -> None:
    person = sit_down()
    person.sign_in(actor, PASSWORD)
    found: list[str] = []
    comparison = add_reconciliation(one_system.container, one_system.container.connections.get_by_name("Demo AS"))
    for address in (*tour.values(), f"/operations/{comparison}"):
        person.open(address)
        unfold(person)
        for width in WIDTHS:
            person.page.set_viewport_size({"width": width, "height": 800})
            if person.page.evaluate("document.documentElement.scrollWidth - innerWidth") > HARDLY:
                found.append(f"{address} at {width}")
    assert found == []


def test_a_very_long_word_makes_no_page_scroll_sideways(
    tour: Mapping[str, str], sit_down: Callable[..., Person]
) -> None:
    person = sit_down(viewport={"width": min(WIDTHS), "height": 800})
    person.sign_in(ANNE, PASSWORD)
    found: list[str] = []
    for address in tour.values():
        person.open(address)
        unfold(person)
        person.page.evaluate(
            "document.querySelectorAll('main :is(p, li, summary, dd)').forEach(e => e.append('x'.repeat(200)))"
        )
        if person.page.evaluate("document.documentElement.scrollWidth - innerWidth") > HARDLY:
            found.append(address)
    assert found == []


BROKEN_WORDS = r"""() => [...document.querySelectorAll("table.wide :is(th, td)")].flatMap((cell) => {
    const found = [], texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), range = document.createRange();
    while (texts.nextNode()) {
        for (const word of texts.currentNode.data.matchAll(/[\p{L}\p{N}.,:\/\u00a0]+/gu)) {
            range.setStart(texts.currentNode, word.index);
            range.setEnd(texts.currentNode, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
            if (lines.size > 1) found.push(word[0]);
        }
    }
    return found;
})"""
"""Words and numbers of a list that are broken across two lines."""


@pytest.mark.parametrize("actor", [ANNE, KARI], ids=["in English", "in Norwegian"])
def test_on_a_desktop_no_word_or_number_of_a_list_is_broken(
    actor: str, one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    assert one_system
    person = sit_down()
    person.sign_in(actor, PASSWORD)
    found: list[str] = []
    for address in ("/records", "/expenses"):
        person.open(address)
        for width in (1100, 1280, 1366, 1600):
            person.page.set_viewport_size({"width": width, "height": 800})
            found += [f"{word} of {address} at {width}" for word in person.page.evaluate(BROKEN_WORDS)]
    assert found == []


@in_both_windows
def test_pages_shown_without_signing_in_have_no_faults(window: str, sit_down: Callable[..., Person]) -> None:
    person = sit_down(**WINDOWS[window])
    found: list[str] = []
    for address in (
        "/sign-in",
        "/sign-in/forgotten",
        "/sign-in/link/used",
        "/sign-in/password-changed",
        "/error-codes",
        "/error-codes/fiscal_year",
        "/error-codes/nothing",
    ):
        person.open(address)
        found += faults(person)
    person.sign_in("nobody@example.com", "whatever it is")
    assert [*found, *faults(person)] == []


@in_both_windows
def test_pages_that_only_follow_a_form_have_no_faults(
    window: str, one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    person = sit_down(**WINDOWS[window])
    person.sign_in(ANNE, PASSWORD, path=f"{the_connection(one_system)}/settings")
    page = person.page
    page.get_by_label("Receivables account").fill("a lot")
    page.get_by_label("Alert recipients").fill("nobody")
    page.get_by_role("button", name="Save and test").last.click()
    page.locator("[aria-invalid=true]").first.wait_for()
    found = list(faults(person))
    person.open(f"{the_connection(one_system)}/webhooks")
    unfold(person)
    page.get_by_role("button", name="Generate new webhook URL").click()
    page.locator("#address").wait_for()
    found += faults(person)
    comparison = add_reconciliation(one_system.container, one_system.container.connections.get_by_name("Demo AS"))
    person.open(f"/operations/{comparison}")
    found += faults(person)
    person.open("/nowhere")
    assert [*found, *faults(person)] == []


@in_both_windows
def test_account_pages_that_follow_a_form_have_no_faults(
    window: str, one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    person, email = sit_down(**WINDOWS[window]), f"{window.replace(' ', '-')}@example.com"
    database, page, found = one_system.container.database, person.page, list[str]()
    add_user(one_system, email)
    user = users.get_by_email(database, email)
    users.set_password(database, user.id, GIVEN, actor="test", now=clock())
    person.sign_in(email, GIVEN)
    found += faults(person)
    send(person, "Change password", present=GIVEN, password=PASSWORD, again=PASSWORD)
    person.open("/account/second-factor")
    key = page.locator("code").inner_text().replace(" ", "")
    send(person, "Set up second factor", code=TOTP(key).at(clock()))
    found += faults(person)
    recovery_code = page.locator("code").first.inner_text()
    person.open("/account/second-factor")
    found += faults(person)
    person.context.clear_cookies()
    person.sign_in(email, PASSWORD)
    found += faults(person)
    send(person, "Sign in", code=recovery_code)
    (session, *_) = sessions.of_user(database, user, now=clock())
    sessions.confirm(database, session.id, Proof(user.id), now=clock() - sessions.CONFIRMED_FOR)
    person.open("/account/second-factor")
    send(person, "Generate new recovery codes")
    assert page.get_by_role("heading", name="Confirm it's you").is_visible()
    assert [*found, *faults(person)] == []


def send(person: Person, button: str, **entered: str) -> None:
    """Fill in the form of a page and send it."""
    for name, value in entered.items():
        person.page.locator(f"input[name={name}]").fill(value)
    with person.page.expect_navigation():
        person.page.get_by_role("button", name=button).click()


def the_connection(running_system: RunningSystem) -> str:
    return f"/connections/{running_system.container.connections.get_by_name('Demo AS').id}"


def faults(person: Person) -> Iterator[str]:
    """Return what is wrong with the open page, after everything is expanded."""
    page = person.page
    unfold(person)
    for violation in Axe().run(page).response["violations"]:
        if violation["impact"] in SERIOUS:
            yield f"{page.url}: {violation['help']}: {[node['html'] for node in violation['nodes']]}"
    if (headings := page.locator("h1").count()) != 1:
        yield f"{page.url}: {headings} headings of the first rank"
    if page.locator("html").get_attribute("lang") != "en":
        yield f"{page.url}: it does not say its language"


def unfold(person: Person) -> None:
    person.page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true })")


def test_a_list_is_printed_without_what_only_a_screen_needs(
    one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    assert one_system
    person = sit_down(**WINDOWS["dark phone"])
    person.sign_in(ANNE, PASSWORD, path="/records?sort=date")
    page = person.page
    page.emulate_media(media="print")
    shown = [
        place
        for place in ("nav", ".filters", ".actions", ".exports", "footer")
        if page.locator(place).first.is_visible()
    ]
    assert shown == []
    assert page.get_by_role("columnheader", name="Amount").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('td[data-label]')).display") == "table-cell"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 35, 33)"


IN_ONE_ROW = """() => {
    const centers = [...document.querySelectorAll(".top > .brand, .top nav a, .top .me > *")]
        .map((each) => each.getBoundingClientRect()).map((box) => box.top + box.height / 2);
    return Math.max(...centers) - Math.min(...centers);
}"""
"""How far the items in the head of a page differ in height."""

UNALIGNED = """() => [...document.querySelectorAll(".filters")].map((form) => {
    const centers = [...form.querySelectorAll("input:not([type=hidden]), select, button, .button, .tick label")]
        .map((each) => each.getBoundingClientRect()).map((box) => box.top + box.height / 2).sort((a, b) => a - b);
    return centers.filter((each, place) => each - centers[place - 1] > 1.5 && each - centers[place - 1] < 30).length;
})"""
"""For each filter form, how many of its fields are slightly off the row of the others."""


@pytest.mark.parametrize("actor", [ANNE, KARI], ids=["in English", "in Norwegian"])
def test_on_a_desktop_the_menu_is_one_row_and_filters_are_in_rows(
    actor: str, one_system: RunningSystem, sit_down: Callable[..., Person]
) -> None:
    assert one_system
    person = sit_down(viewport={"width": 1280, "height": 800})
    person.sign_in(actor, PASSWORD)
    assert person.page.evaluate(IN_ONE_ROW) <= HARDLY
    for address in ("/connections", "/records", "/expenses", "/audit-log"):
        person.open(address)
        assert sum(person.page.evaluate(UNALIGNED)) == 0, address
