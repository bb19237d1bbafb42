"""Choosing a password by a link in a mail: invitations and forgotten passwords."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, delete, event, func, select, update

from integrations.mail.mailer import Mailer
from models.admin import audit_log
from models.connections import alert_outbox
from models.connections.alert_outbox import DeliveryStatus
from models.enums import Role, Scope
from models.schema.user_tables import FailedSignInRow, PasswordLinkRow, UserRow
from models.users import password_links, sessions
from models.users import repository as users
from models.users.repository import Rights, User
from models.users.throttle import MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS
from tests.factories import NOW
from tests.integrations.mail.postbox import Postbox, listening
from tests.web.conftest import Web
from tests.web.form_filling import error_at, fill_in, summary_of
from tests.web.http_browser import Browser
from tests.web.users import EMAIL, PASSWORD, add_user, can_sign_in, set_up_factor
from worker.container import Container, clock
from worker.handlers.mails import send_due_links

CHOSEN = "a wholly different phrase"
LINK = re.compile(r"https://bridge\.example(/sign-in/link/[\w-]+)")
RIGHTS = Rights(Role.VIEWER, Scope())


@pytest.fixture
def postbox(container: Container) -> Iterator[Postbox]:
    postbox = Postbox()
    with listening(postbox) as port:
        container.mailer = Mailer(SecretStr(f"smtp://127.0.0.1:{port}"), timeout=5)
        yield postbox


@pytest.fixture
def anna(container: Container) -> User:
    return add_user(container, Role.VIEWER)


@pytest.fixture
def browser(web: Web) -> Browser:
    return Browser(web.url)


def ask(browser: Browser, email: str = EMAIL) -> requests.Response:
    form = {"csrf": browser.form("/sign-in/forgotten"), "email": email}
    return browser.ask("POST", "/sign-in/forgotten", data=form)


def link_in(postbox: Postbox) -> str:
    found = LINK.search(said_in(postbox))
    assert found
    return found[1]


def said_in(postbox: Postbox) -> str:
    content = postbox.mails[-1].content
    assert isinstance(content, bytes)
    return content.decode().replace("=\r\n", "")


def choose(browser: Browser, link: str, password: str = CHOSEN, again: str | None = None) -> requests.Response:
    form = {"csrf": browser.form(link), "password": password, "again": password if again is None else again}
    return browser.ask("POST", link, data=form)


def invite(container: Container, email: str) -> User:
    user = users.add(container.database, email, RIGHTS, password=None, actor="test", now=NOW)
    password_links.send_link(container.database, user.id, actor="test", now=clock())
    return user


def links(container: Container) -> int | None:
    return container.database.scalar(select(func.count()).select_from(PasswordLinkRow))


def test_a_forgotten_password_is_replaced_through_a_link_once(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    session = sessions.start(container.database, anna.id, now=clock())
    assert "/sign-in/forgotten" in browser.ask("GET", "/sign-in").text
    assert "we've sent it an email with a link" in ask(browser, " Anna@Example.com ").text
    send_due_links(container)
    send_due_links(container)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[EMAIL]]
    assert "used once, within 1 hour" in said_in(postbox)
    link = link_in(postbox)
    token = link.rpartition("/")[2]
    hashes = container.database.scalars(select(PasswordLinkRow.token_hash))
    assert token not in str(hashes)
    assert browser.ask("GET", link).status_code == 200  # as a mail scanner does
    saved = choose(browser, link)
    assert (saved.status_code, saved.headers["Location"]) == (303, "/sign-in/password-changed?language=en")
    for _ in range(2):  # also if the page is reloaded
        page = browser.ask("GET", saved.headers["Location"])
        assert (page.status_code, "You have been signed out everywhere." in page.text) == (200, True)
    assert "Passordet er lagret" in browser.ask("GET", "/sign-in/password-changed?language=nb").text
    assert sessions.find(container.database, session, now=clock()) is None
    assert not users.get(container.database, anna.id).password_is_temporary
    again = browser.ask("GET", link)
    assert (again.status_code, "has been used or has expired" in again.text) == (404, True)
    entries = audit_log.page(container.database, Scope(), users=True).lines
    actions = [(each.actor, each.action) for each in entries]
    assert (EMAIL, "Chose a password by a link in an email") in actions
    assert ("the integration", f"Emailed a link to choose a password to the user {EMAIL}") in actions
    (alert,) = alert_outbox.pending_alerts(container.database, EMAIL)
    assert alert.title == "New password for your account"
    assert (can_sign_in(browser.url, EMAIL, CHOSEN), can_sign_in(browser.url, EMAIL, PASSWORD)) == (True, False)


def test_the_audit_log_says_that_the_mail_server_refused_a_link(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert anna
    postbox.answers[EMAIL] = "550 no such user"
    ask(browser)
    send_due_links(container)
    actions = [each.action for each in audit_log.page(container.database, Scope(), users=True).lines]
    assert f"The mail server refused the link to choose a password for the user {EMAIL}" in actions
    assert f"Emailed a link to choose a password to the user {EMAIL}" not in actions


def test_the_response_is_the_same_without_an_account_and_nothing_is_sent(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    by_openid = users.add(container.database, "ola@example.com", RIGHTS, password=None, actor="test", now=NOW)
    known = ask(browser).text
    container.database.execute(delete(PasswordLinkRow))
    for email in ("nobody@example.com", by_openid.email, "no address"):
        assert ask(browser, email).text == known
    users.add(
        container.database,
        "boss@example.com",
        Rights(Role.ADMINISTRATOR, Scope()),
        password=None,
        actor="test",
        now=NOW,
    )
    users.disable(container.database, anna.id, actor="test", now=clock())
    assert ask(browser).text == known
    send_due_links(container)
    assert (links(container), postbox.mails) == (0, [])


def test_requests_for_links_are_limited_and_mails_even_more(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert anna
    for email in (EMAIL, "nobody@example.com"):
        answers = [ask(browser, email).status_code for _ in range(MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS + 1)]
        assert answers == [200] * MAX_FAILURES_PER_ACCOUNT_AND_ADDRESS + [429]
        send_due_links(container)
    assert len(postbox.mails) == 1
    assert browser.sign_in(EMAIL, PASSWORD).status_code == 303  # signing in counts apart


def test_a_link_ends_when_it_expires_or_a_later_one_is_sent(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    database = container.database
    for ago in (timedelta(minutes=59), timedelta(minutes=61)):
        password_links.request_reset(database, EMAIL, address="", now=clock() - ago)
        send_due_links(container)
    (first,) = postbox.mails  # the later one had expired
    assert first
    link = link_in(postbox)
    password_links.send_link(database, anna.id, actor="test", now=clock())
    assert browser.ask("GET", link).status_code == 404
    send_due_links(container)
    assert link_in(postbox) != link
    assert browser.ask("GET", link_in(postbox)).status_code == 200
    users.sign_out(database, anna.id, actor="test", now=clock())
    assert browser.ask("GET", link_in(postbox)).status_code == 404


def test_a_second_factor_stays_and_is_asked_for(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    set_up_factor(container, anna)
    ask(browser)
    send_due_links(container)
    choose(browser, link_in(postbox))
    assert users.get(container.database, anna.id).has_factor
    assert browser.sign_in(EMAIL, CHOSEN).headers["Location"] == "/sign-in/code"


def test_an_invalid_password_is_shown_at_its_field_and_keeps_the_link(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert anna
    ask(browser)
    send_due_links(container)
    link = link_in(postbox)
    refused = choose(browser, link, "short", "shorter")
    assert refused.status_code == 422
    assert list(summary_of(refused)) == ["password", "again"]
    assert "15 to 200 characters" in error_at(refused, "password")
    assert browser.ask("POST", link, data={"password": CHOSEN, "again": CHOSEN}).status_code == 403
    assert choose(browser, link).status_code == 303


def test_the_page_of_a_link_is_in_the_requested_language(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert anna
    ask(browser)
    send_due_links(container)
    link = link_in(postbox)
    assert "Choose your password" in browser.ask("GET", link).text
    assert '<html lang="nb">' in browser.ask("GET", f"{link}?language=nb").text
    assert "language=nb" in choose(browser, f"{link}?language=nb").headers["Location"]


def test_a_refused_mail_is_sent_later_with_another_link(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert anna
    ask(browser)
    postbox.answers["DATA"] = "451 Later"
    send_due_links(container)
    assert (postbox.mails, links(container)) == ([], 1)
    del postbox.answers["DATA"]
    send_due_links(container)
    assert browser.ask("GET", link_in(postbox)).status_code == 200


@pytest.mark.parametrize("answer", ["452 4.2.2 Mailbox full", "550 5.7.1 Blocked"])
def test_a_mailbox_that_refuses_mail_does_not_delay_the_others(
    browser: Browser, container: Container, anna: User, postbox: Postbox, answer: str
) -> None:
    invite(container, "ola@full.example")
    postbox.answers["ola@full.example"] = answer
    ask(browser, anna.email)
    send_due_links(container)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[EMAIL]]
    postbox.answers.clear()
    send_due_links(container)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[EMAIL], ["ola@full.example"]]


def test_a_mail_that_cannot_be_composed_delays_no_other_and_is_retried(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    ola = invite(container, "ola@example.com")
    container.database.execute(update(UserRow).where(UserRow.id == ola.id).values(email="ola\r\n@example.com"))
    ask(browser, anna.email)
    send_due_links(container)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[EMAIL]]
    assert b'moment24_emails_total{status="crashed"} 1.0' in container.metrics.text()
    container.database.execute(update(UserRow).where(UserRow.id == ola.id).values(email=ola.email))
    send_due_links(container)
    assert postbox.mails[-1].rcpt_tos == [ola.email]


def test_an_unavailable_mail_server_is_tried_once(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    assert postbox.mails == []
    invite(container, "ola@example.com")
    ask(browser, anna.email)
    container.mailer = Mailer(SecretStr("smtp://127.0.0.1:1"), timeout=5)
    send_due_links(container)
    assert b'moment24_emails_total{status="delayed"} 1.0' in container.metrics.text()


def test_a_stranger_can_neither_end_a_sent_link_nor_have_another_sent(
    browser: Browser, container: Container, anna: User, postbox: Postbox
) -> None:
    password_links.send_link(container.database, anna.id, actor="boss", now=clock() - timedelta(minutes=50))
    send_due_links(container)
    link = link_in(postbox)
    ask(browser)
    send_due_links(container)
    assert len(postbox.mails) == 1
    assert browser.ask("GET", link).status_code == 200


def test_a_mailbox_gets_only_a_few_requested_links_a_day(container: Container, anna: User) -> None:
    database, first = container.database, clock() - timedelta(days=2)

    def mails(times: int, begin: timedelta) -> int:
        number = 0
        for hour in range(times):
            now = first + begin + timedelta(hours=hour)
            password_links.request_reset(database, EMAIL, address="", now=now)
            for link in password_links.unsent_links(database, now=now):
                password_links.make_token(database, link.user_id)
                password_links.record_sent(database, link, DeliveryStatus.SENT, now=now)
                number += 1
        return number

    assert mails(8, timedelta()) == password_links.MAX_LINKS_A_DAY
    password_links.send_link(database, anna.id, actor="boss", now=first + timedelta(hours=9))
    assert password_links.unsent_links(database, now=first + timedelta(hours=9))
    assert mails(1, timedelta(hours=25)) == 1


def test_a_request_writes_equally_often_whether_or_not_the_user_exists(container: Container, anna: User) -> None:
    writing: list[str] = []

    def note(connection: Connection) -> None:
        writing.extend(connection.exec_driver_sql("select pg_current_xact_id_if_assigned()::text").scalars())

    event.listen(Engine, "commit", note)
    try:
        written = []
        for email in (anna.email, "nobody@example.com", anna.email):
            password_links.request_reset(container.database, email, address="", now=clock())
            written.append(len(list(filter(None, writing))))
            writing.clear()
    finally:
        event.remove(Engine, "commit", note)
    assert written == [2, 2, 2]


def test_input_that_is_not_an_address_is_not_stored_as_it_may_be_a_password(
    browser: Browser, container: Container, anna: User
) -> None:
    assert anna
    ask(browser, "My Secret Passphrase 2026!")
    assert container.database.scalars(select(FailedSignInRow.email)) == ["link for "]


def test_a_disabled_user_is_sent_no_link(web: Web, container: Container, anna: User, postbox: Postbox) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    users.disable(container.database, anna.id, actor="test", now=clock())
    assert administrator.post(f"/users/{anna.id}/link").status_code == 404
    users.enable(container.database, anna.id, actor="test", now=clock())
    send_due_links(container)
    assert (links(container), postbox.mails) == (0, [])
    actions = [each.action for each in audit_log.page(container.database, Scope(), users=True).lines]
    assert not any(each.startswith("Sent a link") for each in actions)


def test_a_user_is_invited_instead_of_given_a_first_password(
    web: Web, browser: Browser, container: Container, postbox: Postbox
) -> None:
    administrator = web.as_(Role.ADMINISTRATOR)
    added = fill_in(administrator, "/users/new", email=EMAIL, everywhere="yes", language="nb")
    assert "An invitation is sent" in administrator.get(added.headers["Location"]).text
    assert not can_sign_in(browser.url, EMAIL, "")
    send_due_links(container)
    assert "Velg passord her" in said_in(postbox)
    assert "48 timer" in said_in(postbox)
    assert "logget ut" not in browser.ask("GET", link_in(postbox)).text
    page = browser.ask("GET", choose(browser, link_in(postbox)).headers["Location"]).text
    assert "Passordet er lagret" in page
    assert "Logg inn med det nye passordet." in page
    assert "logget ut" not in page
    assert can_sign_in(browser.url, EMAIL, CHOSEN)
    actions = [each.action for each in audit_log.page(container.database, Scope(), users=True).lines]
    assert f"Invited the user {EMAIL} by email" in actions


def test_without_a_mail_server_nothing_is_offered(web: Web, container: Container, anna: User) -> None:
    container.settings = container.settings.model_copy()
    container.settings.model_fields_set.discard("smtp_url")
    assert "/sign-in/forgotten" not in web.get("/sign-in").text
    assert web.get("/sign-in/forgotten").status_code == 404
    administrator = web.as_(Role.ADMINISTRATOR)
    assert 'name="invite"' not in administrator.get("/users/new").text
    assert f"/users/{anna.id}/link" not in administrator.get(f"/users/{anna.id}").text
    assert administrator.post(f"/users/{anna.id}/link").status_code == 404
