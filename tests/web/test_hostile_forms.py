"""Every form of every page with hostile input; ``make fuzz`` fills them in more often.

Forms are found by following the links of the pages, and each route with a form must have been found: a new form is
tried automatically.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from urllib.parse import urlencode

import hypothesis
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pyotp import TOTP

from models.admin import match_questions
from models.admin.operations import OperationType
from models.enums import EntityType, Record, Role, Scope
from models.inbox import links
from models.inbox.links import Link
from models.inbox.questions import Candidate
from models.receivers.outbox import EVENT_TYPES
from models.users import repository as users
from models.users import second_factor, sessions, tokens
from models.users.repository import Rights
from models.users.sessions import SessionDetails
from models.users.tokens import TokenScope
from tests.factories import settings
from tests.installation import add_failed_job, add_reconciliation
from tests.web.conftest import Web
from tests.web.crawler import Crawler, Form
from tests.web.match_questions import add_question
from web.app import create_app
from web.dependencies import FORM_MEDIA_TYPE
from web.security.auth import SET_UP_FACTOR
from web.security.cookies import SESSION, SIGN_IN
from worker.container import Container, clock

Pairs = list[tuple[str, str | int]]

MARK = "<b id=hostile>"
HOSTILE = (
    "",
    MARK,
    f"\"'>{MARK}",
    f"</script>{MARK}",
    "'; DROP TABLE users; --",
    "\x00",
    "a\x00b",
    "\x1b[2J\r\nSet-Cookie: session=1",
    "\ud7ff\ufffe\u202e",
    "%00%ff",
    "{{ 7 * 7 }}",
    "{account}",
    "-1",
    "0",
    "99999999999999999999",
    "1e999",
    "NaN",
    "0x10",
    "٣",
    "2026-02-30",
    "//elsewhere.example/",
    "https://elsewhere.example",
    "../../etc/passwd",
    "a@b@c",
    "x" * 5000,
    "æ" * 3000,
    "🙂" * 1000,
)
WRONG_TYPES = [
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "text/plain",
    "",
    "a/b/c",
]

ORDINARY = ("", "1", "2026-01-01", "kari@example.com", "correct horse battery")
"""Valid values for forms that require input and offer none."""

NOT_LINKED = ("/webhooks/", "/sign-in/link/")
"""Addresses that no page links to: Moment and a mail do."""
PREVIEW = {"dry_run": "yes", "create": ""}
CSRF_FIELD = "csrf"
ENTER_CODE = "/sign-in/code"
EVERYTHING, VIEWING = (Rights(role, Scope()) for role in (Role.ADMINISTRATOR, Role.VIEWER))


class Visitor:
    """A person who is not signed in."""

    def __init__(self, web: Web) -> None:
        self.url = web.url
        self.start = "/"

    def crawler(self) -> Crawler:
        """Begin with a new session."""
        session = requests.Session()
        session.cookies.set(SIGN_IN.full_name(https=True), "anything")
        return Crawler(self.url, list(paths()), session)


class Administrator(Visitor):
    """A user who may do everything, whatever they did before."""

    def __init__(self, web: Web, container: Container) -> None:
        super().__init__(web)
        self._database = container.database
        password = "correct horse battery"
        self._user = users.add(
            self._database, "anne@example.com", EVERYTHING, password=password, actor="test", now=clock()
        )

    def crawler(self) -> Crawler:
        """Sign in, with all rights restored."""
        users.enable(self._database, self._user.id, actor="test", now=clock())
        sessions.start(self._database, self._user.id, now=clock())
        users.keep_password(self._database, self._user.id)
        users.update(self._database, self._user.id, EVERYTHING, actor="test", now=clock())
        crawler = super().crawler()
        crawler.session.cookies.set(
            SESSION.full_name(https=True), sessions.start(self._database, self._user.id, now=clock())
        )
        return crawler


class WithFactor(Visitor):
    """A user with a second factor who visits its pages only: first without having given it, then with it."""

    def __init__(self, web: Web, container: Container, *, awaits_code: bool) -> None:
        super().__init__(web)
        self._container, self._how = container, SessionDetails(awaits_code=awaits_code)
        self.start = ENTER_CODE if awaits_code else SET_UP_FACTOR
        email = f"eva-{awaits_code}@example.com".lower()
        self._user = users.add(container.database, email, VIEWING, password=None, actor="test", now=clock())

    def crawler(self) -> Crawler:
        """Sign in, with a second factor again."""
        database, vault, now = self._container.database, self._container.vault, clock()
        if not users.get(database, self._user.id).has_factor:
            offered = second_factor.offer(vault, self._user)
            key, _ = second_factor.app_key(vault, self._user, offered)
            second_factor.set_up(database, vault, self._user, offered, TOTP(key).at(now), now=now)
            users.set_password(database, self._user.id, "correct horse battery", actor="test", now=now)
            users.keep_password(database, self._user.id)
        crawler = super().crawler()
        crawler.routes = [path for path in paths() if path.startswith(self.start)]
        token = sessions.start(database, self._user.id, now=now, details=self._how)
        crawler.session.cookies.set(SESSION.full_name(https=True), token)
        return crawler


def add_receivers(container: Container) -> None:
    """Add a receiver with a given-up delivery, and a disabled one."""
    add, now = container.receivers.add, clock()
    for url, enabled in (("https://crm.example", True), ("https://erp.example", False)):
        receiver, _ = add(url, EVENT_TYPES, Scope(), actor="test", now=now)
        container.receivers.test(receiver.id, now=now)
        container.receivers.disable(receiver.id, actor="test", now=now)
        if enabled:
            container.receivers.enable(receiver.id, actor="test", now=now)


@pytest.fixture
def people(web: Web, container: Container) -> Sequence[Visitor]:
    """A stranger and an administrator of an installation where every form appears somewhere."""
    add_failed_job(container, web.connection)
    add_reconciliation(container, web.connection)
    add_question(web, container)
    answered = add_question(web, container, EntityType.PROJECT, Candidate("8", "Kulturhuset"))
    match_questions.answer(container.database, answered, "8", actor="test", now=clock())
    links.save(container.database, web.connection.id, Record(EntityType.PROJECT, "7"), Link("8"), now=clock())
    paused, _ = container.connections.add(
        "Fjord Prosjekt AS", settings(moment_company="fjord-prosjekt-as"), actor="test", now=clock()
    )
    container.connections.pause(paused.id, "The password is wrong.", now=clock())
    container.operations.request(
        OperationType.INITIAL_MATCHING, web.connection.id, input_=PREVIEW, actor="test", now=clock()
    )
    gone = users.add(container.database, "gone@example.com", EVERYTHING, password=None, actor="test", now=clock())
    scope = Scope()
    add_receivers(container)
    tokens.create(container.database, "ERP", scopes=frozenset(TokenScope), scope=scope, actor="test", now=clock())
    administrator = Administrator(web, container)
    users.disable(container.database, gone.id, actor="test", now=clock())
    return Visitor(web), *(WithFactor(web, container, awaits_code=each) for each in (True, False)), administrator


def test_every_route_that_takes_a_form_has_a_form_on_some_page(people: Sequence[Visitor]) -> None:
    taking = {path for path, methods in paths().items() if "post" in methods and not path.startswith(NOT_LINKED)}
    assert taking - {form.route for person in people for form in crawl(person).forms()} == set()


def test_no_form_fails_or_repeats_its_input_unescaped(people: Sequence[Visitor]) -> None:
    for person in people:
        for form in crawl(person).forms():
            fill_in_often(person, form)
        for page in crawl(person).pages.values():
            expect_no_error(page)


def fill_in_often(person: Visitor, form: Form) -> None:
    @hypothesis.settings(max_examples=hypothesis.settings().max_examples // 50)
    @given(form_inputs(form.fields), st.sampled_from([FORM_MEDIA_TYPE] * 15 + WRONG_TYPES))
    def fill_in(pairs: Pairs, content_type: str) -> None:
        send(person.crawler(), form, pairs, content_type)

    fill_in()


def form_inputs(fields: Mapping[str, Sequence[str]]) -> SearchStrategy[Pairs]:
    """Return a strategy for inputs: some fields are hostile, missing or twice, the others as the form offers them."""
    anything = st.sampled_from(HOSTILE) | st.text(max_size=40)

    def field(name: str, *, hit: bool) -> SearchStrategy[Pairs]:
        shown: SearchStrategy[int | str] = st.integers(0, max(len(fields[name]) - 1, 0))
        offered = shown if any(fields[name]) else st.sampled_from(ORDINARY)
        values = st.lists(anything | offered, max_size=2) if hit else st.lists(offered, min_size=1, max_size=1)
        return values.map(lambda chosen: [(name, value) for value in chosen])

    def fill(hit: frozenset[str]) -> SearchStrategy[Pairs]:
        each = st.tuples(*(field(name, hit=name in hit and name != CSRF_FIELD) for name in fields))
        return each.map(lambda lists: list(chain.from_iterable(lists)))

    return st.frozensets(st.sampled_from(sorted(fields)), max_size=4).flatmap(fill)


def send(crawler: Crawler, form: Form, pairs: Pairs, content_type: str) -> None:
    """Send a form, and check that neither the response nor the page that it leads to is an error."""
    offered = crawler.reload(form).fields  # perhaps fewer choices than before, once one of them was taken
    filled_in = [
        (name, offered[name][value % len(offered[name])] if isinstance(value, int) else value)
        for name, value in pairs
    ]
    body, kind = urlencode(filled_in), {"Content-Type": content_type}
    where = {"params": body} if form.method == "GET" else {"data": body, "headers": kind}
    answer = crawler.session.request(
        form.method, crawler.url + form.action, **where, allow_redirects=False, timeout=10
    )
    expect_no_error(answer)
    if location := answer.headers.get("Location"):
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        expect_no_error(crawler.session.get(crawler.url + location, timeout=10))


def crawl(person: Visitor) -> Crawler:
    crawler = person.crawler()
    crawler.crawl(person.start)
    return crawler


@cache
def paths() -> dict[str, dict[str, object]]:
    described: dict[str, dict[str, object]] = create_app().openapi()["paths"]
    return described


def expect_no_error(answer: requests.Response) -> None:
    asked = f"{answer.request.method} {answer.request.url} {answer.request.body!r}"
    assert answer.status_code < 500, asked
    if answer.headers.get("Content-Type", "").startswith("text/html"):  # an exported table has the text as it is
        assert MARK not in answer.text, asked
