"""An installation after a working day, with something to see on every page."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import requests

from i18n.catalog import Language
from i18n.messages import msg
from local import demo_company
from local.demo import STEPS
from local.demo_user import DemoUser, eventually, expect
from local.processes import Log
from models.enums import Outcome, Role, Scope
from models.inbox import statistics
from models.receivers.outbox import EVENT_TYPES
from models.users import repository as users
from models.users.repository import Rights
from tests.browser.browser_user import Person
from tests.factories import settings
from tests.installation import installed, own_logging
from tests.journeys.running_system import RunningSystem, running_system
from tests.web.crawler import Crawler
from web.app import create_app
from worker.container import clock

PACE = {"DISPATCH_SECONDS": "0.5", "POLL_SECONDS": "3600"}
"""Beat dispatches often, but polls are too rare to replace a missing webhook."""

NAMESAKES = "Bakkehaugen Borettslag"
"""Two customers in 24SevenOffice with the same name."""

PASSWORD = "correct horse battery"
WORKING_DAYS, WORKING_HOURS, FAILING = 5, range(6, 16), 0.04
NO_PAGES = (
    "/health/",
    "/metrics",
    "/static/",
    "/sign-in/openid",
    "/sign-in/link/",
    "/audit-log/export",
    "/records/export",
    "/expenses/export",
    "/reconciliations/",
)
"""Routes for programs and links in mails, and those of an OpenID provider, which is not set up here."""


@contextmanager
def filled_system(state: Path, *, log: Log) -> Iterator[RunningSystem]:
    """Run a system in a folder with a company after its day and a month before it, and another that is paused."""
    with running_system(state, settings=PACE, log=log) as running:
        fill(running)
        yield running


def fill(running_system: RunningSystem) -> None:
    """Play the day in the demo company, after a month of other days; another company waits for its password.

    Events go to a receiver that cannot be reached.
    """
    demo_user = DemoUser(running_system.stack, webhook_url=demo_company.connect(running_system.stack))
    for act in STEPS:
        act(demo_user)
    leave_discrepancies(running_system, demo_user)
    look_back(running_system, demo_company.NAME)
    wait_for_a_password(running_system, "Fjord Prosjekt AS")
    running_system.container.receivers.add(
        "https://crm.invalid/events", EVENT_TYPES, Scope(), actor="test", now=clock()
    )


def leave_discrepancies(running_system: RunningSystem, demo_user: DemoUser) -> None:
    """Leave a question about a customer, and vouchers that differ from their invoices."""
    for address in ("post@bakkehaugen.example.com", "styret@bakkehaugen.example.com"):
        demo_user.book("customers", name=NAMESAKES, email=address)
    demo_user.enter("customers", name=NAMESAKES)
    lines = {each["number"]: each["lines"] for each in demo_user.synced("vouchers")}
    correct(running_system, 5, [{"id": line["id"], "hidden": True} for line in lines[5]])
    correct(running_system, 8, [{"id": line["id"], "project": 3} for line in lines[8]])
    eventually(lambda: expect("who is asked about", _asked(demo_user), [f"Customer {NAMESAKES}"]))


def correct(running_system: RunningSystem, number: int, lines: Iterable[Mapping[str, object]]) -> None:
    """Change the voucher of an invoice manually in 24SevenOffice."""
    address = (
        f"{running_system.stack.addresses['twentyfour']}/books/{demo_company.CLIENT}/vouchers/{number}?type=11"
    )
    requests.patch(address, json={"lines": lines}, timeout=10).raise_for_status()


def _asked(demo_user: DemoUser) -> list[str]:
    return [job["title"] for job in demo_user.jobs("needs_attention") if job["error_code"] == "which_customer"]


def look_back(running_system: RunningSystem, name: str) -> None:
    """Fill the charts with a month of working days."""
    rng, now = Random(24), clock()  # noqa: S311 - a month that is the same each time
    connection = running_system.container.connections.get_by_name(name)
    with running_system.container.database.transaction() as session:
        for ago in range(1, 24 * 30):
            at = now - timedelta(hours=ago)
            if ago // 24 % 7 < WORKING_DAYS and at.hour in WORKING_HOURS:
                waits = [timedelta(seconds=rng.expovariate(1)) for _ in range(rng.randint(2, 9))]
                ended = [(Outcome.FAILED if rng.random() < FAILING else Outcome.SYNCED, wait) for wait in waits]
                statistics.count_attempts(session, connection.id, ended, now=at)


def wait_for_a_password(running_system: RunningSystem, name: str) -> None:
    """Add a connection that is paused until its settings are corrected."""
    values = settings(moment_company="1002", username="many@example.com")
    connection, _ = running_system.container.connections.add(name, values, actor="test", now=clock())
    refused = msg("24SevenOffice rejected the user name or password.")
    running_system.container.connections.pause(connection.id, refused, now=clock())


def special(person: Person, connection: str) -> dict[str, str]:
    """Return the URLs of pages that show more than the plainest one of their route, by name."""
    stuck = {"record": "fiscal_year", "question": "which_customer"}
    urls = {name: _first_record(person, error_code) for name, error_code in stuck.items()}
    person.open(f"{connection}/reconciliation")
    person.page.get_by_label("Month", exact=True).fill(f"{clock():%Y-%m}")
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Reconcile").click()
    person.page.get_by_role("heading", name="Differences").wait_for()
    return {**urls, "reconciliation": person.page.url.removeprefix(person.url)}


def _first_record(person: Person, error_code: str) -> str:
    person.open(f"/records?state=needs_attention&error_code={error_code}")
    return person.page.locator("main a[href^='/records/']").first.get_attribute("href") or ""


def add_user(
    running_system: RunningSystem,
    email: str,
    *,
    role: Role = Role.ADMINISTRATOR,
    connections: Iterable[int] | None = None,
    language: Language = Language.ENGLISH,
) -> None:
    """Add a user with PASSWORD, for some connections or for all."""
    rights = Rights(role, Scope(None if connections is None else frozenset(connections)))
    database = running_system.container.database
    user = users.add(database, email, rights, password=PASSWORD, actor="test", now=clock())
    users.keep_password(database, user.id)
    users.set_language(database, user.id, language)


def paths(running_system: RunningSystem) -> dict[str, dict[str, object]]:
    """Return the paths of all routes, with their parameters in braces, and the methods of each."""
    with installed(running_system.stack.environment), own_logging():
        described: dict[str, dict[str, object]] = create_app().openapi()["paths"]
    return described


def routes(running_system: RunningSystem) -> list[str]:
    """Return the paths of the pages."""
    return [
        path
        for path, methods in paths(running_system).items()
        if "get" in methods and not path.startswith(NO_PAGES)
    ]


def addresses(running_system: RunningSystem, person: Person) -> dict[str, str]:
    """Return the plainest URL of each route that the pages link to, as this person sees them, after a test."""
    session = requests.Session()
    for cookie in person.context.cookies():
        session.cookies.set(cookie["name"], cookie["value"])
    crawler = Crawler(person.url, paths(running_system), session)
    crawler.crawl(
        "/records?state=needs_attention",
        "/connections",
        "/",
        "/sign-in",
        "/sign-in/code",
        "/sign-in/forgotten",
        "/sign-in/password-changed",
        "/sign-in/password-chosen",
    )
    test = next(form for form in crawler.forms() if form.action.endswith("/test"))
    answer = session.post(
        person.url + test.action, {name: values[0] for name, values in test.fields.items()}, timeout=10
    )
    crawler.crawl(answer.url.removeprefix(person.url))
    plainest: dict[str, str] = {}
    for address in crawler.pages:
        if address.startswith(NO_PAGES):
            continue
        known = plainest.setdefault(crawler.route(address), address)
        plainest[crawler.route(address)] = min(known, address, key=len)
    return plainest
