from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import update

from i18n.catalog import Language
from integrations.mail.mailer import Mailer
from models.admin import email_log, job_actions, reminders
from models.admin.job_filter import JobFilter
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from models.enums import Role, Scope
from models.schema.tables import AlertRow
from models.users import account_alerts
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import settings
from tests.installation import add_failed_job
from tests.integrations.mail.postbox import Postbox, listening
from tests.sandbox.serving import Systems
from worker.container import Container, clock
from worker.handlers.mails import PAUSE_BETWEEN_EMAILS, send_due_alerts

ADDRESS = "books@example.com"


class Mailbox:
    """The mailbox in which the mails arrive."""

    def __init__(self, url: str) -> None:
        self._url = url

    def mails(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self._url}/mails", timeout=10).json())

    def refuse_one(self) -> None:
        requests.post(f"{self._url}/faults", json={"kind": "refuse"}, timeout=10).raise_for_status()


@pytest.fixture
def mailbox(fresh_systems: Systems) -> Mailbox:
    return Mailbox(fresh_systems["mail"])


def queue_alert(
    container: Container,
    connection: Connection,
    alert_type: AlertType = AlertType.PAUSED,
    *,
    addresses: tuple[str, ...] = (ADDRESS,),
) -> None:
    alert = Alert(
        type=alert_type,
        title=connection.name,
        message="The password was refused.",
        remedy="Enter it again.",
        recipients=addresses,
    )
    alert_outbox.queue_connection_alert(container.database, connection.id, alert, now=clock())


def test_all_alerts_to_an_address_come_in_one_mail(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    add_failed_job(container, connection)
    add_failed_job(container, connection, record_id="10", title="Invoice 1025")
    queue_alert(container, connection)
    send_due_alerts(container)
    send_due_alerts(container)
    (mail,) = mailbox.mails()
    assert mail["to"] == [ADDRESS]
    assert mail["subject"] == "The connection is paused \N{EN DASH} Demo AS"
    assert mail["text"].count("The account 3999 is unknown.") == 2


def test_a_mail_links_to_the_record(container: Container, connection: Connection, mailbox: Mailbox) -> None:
    job_id = add_failed_job(container, connection)
    send_due_alerts(container)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Action needed: Invoice 1024 wasn't synced to 24SevenOffice \N{EN DASH} Demo AS"
    assert f"https://bridge.example/records/{job_id}" in mail["text"]


def test_a_reminder_says_how_long_a_record_has_needed_attention(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    add_failed_job(container, connection, now=clock() - reminders.REMINDER_DELAYS[0])
    reminders.queue_reminders(container.database, now=clock())
    send_due_alerts(container)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Reminder: Invoice 1024 has needed action for 1 day – Demo AS"


def test_a_mail_about_several_connections_names_each(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    other, _ = container.connections.add(
        "Ås Prosjekt AS", settings(moment_company="as-prosjekt-as"), actor="test", now=clock()
    )
    for each in (connection, other):
        queue_alert(container, each)
    send_due_alerts(container)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Connections paused – 2 companies"
    assert mail["text"].index("\nDemo AS\n") < mail["text"].index("\nÅs Prosjekt AS\n")


def test_a_problem_that_ended_before_any_mail_is_never_mailed(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    for alert_type in (AlertType.OUTAGE, AlertType.RECOVERED):
        queue_alert(container, connection, alert_type)
    job_id = add_failed_job(container, connection)
    chosen = JobFilter(ids=frozenset({job_id}))
    job_actions.dismiss(container.database, chosen, because="Posted by hand", actor="kari", now=clock())
    send_due_alerts(container)
    assert mailbox.mails() == []
    assert alert_outbox.pending_alerts(container.database, ADDRESS) == []


def test_alerts_soon_after_a_mail_wait_for_the_next(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    queue_alert(container, connection)
    send_due_alerts(container)
    queue_alert(container, connection, AlertType.OUTAGE)
    send_due_alerts(container)
    assert len(mailbox.mails()) == 1
    assert len(alert_outbox.pending_alerts(container.database, ADDRESS)) == 1
    assert alert_outbox.recipients_due(
        container.database, now=clock() + PAUSE_BETWEEN_EMAILS, pause=PAUSE_BETWEEN_EMAILS
    ) == [ADDRESS]


def test_a_mail_refused_temporarily_is_sent_later(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    mailbox.refuse_one()
    queue_alert(container, connection)
    send_due_alerts(container)
    assert mailbox.mails() == []
    send_due_alerts(container)
    assert len(mailbox.mails()) == 1


def test_an_unknown_address_is_not_retried_and_delays_no_other_mail(
    container: Container, connection: Connection
) -> None:
    postbox = Postbox()
    postbox.answers["gone@example.com"] = "550 No such user"
    queue_alert(container, connection, addresses=("gone@example.com", ADDRESS))
    with listening(postbox) as port:
        container.mailer = Mailer(SecretStr(f"smtp://127.0.0.1:{port}"), timeout=5)
        send_due_alerts(container)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[ADDRESS]]
    assert (
        alert_outbox.recipients_due(
            container.database, now=clock() + PAUSE_BETWEEN_EMAILS, pause=PAUSE_BETWEEN_EMAILS
        )
        == []
    )


def test_a_mail_that_cannot_be_composed_delays_no_other(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    queue_alert(container, connection, addresses=("a@example.com",))
    container.database.execute(update(AlertRow).values(type="of a later release"))
    queue_alert(container, connection, addresses=("b@example.com",))
    send_due_alerts(container)
    assert [mail["to"] for mail in mailbox.mails()] == [["b@example.com"]]
    assert b'moment24_emails_total{status="crashed"} 1.0' in container.metrics.text()


def test_two_workers_that_send_at_once_send_one_mail(
    container: Container, connection: Connection, mailbox: Mailbox
) -> None:
    queue_alert(container, connection)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send_due_alerts, [container] * 4))
    assert len(mailbox.mails()) == 1


def test_users_are_mailed_about_their_account_in_their_language(container: Container, mailbox: Mailbox) -> None:
    email, rights = "anna@example.com", Rights(Role.VIEWER, Scope())
    user = users.add(container.database, email, rights, password=None, actor="test", now=clock())
    users.set_language(container.database, user.id, Language.ENGLISH)
    for device in ("Firefox, Windows", "Safari, iPhone"):
        with container.database.transaction() as session:
            account_alerts.queue(session, email, "New sign-in", f"From {device}.", now=clock())
    send_due_alerts(container)
    (mail,) = mailbox.mails()
    assert mail["to"] == [email]
    assert mail["subject"] == "Security notice about your account – Moment ⇄ 24SevenOffice"
    for words in (
        "From Firefox, Windows.",
        "From Safari, iPhone.",
        "If this wasn't you",
        "because you have an account",
    ):
        assert words in mail["text"]
    (line,) = email_log.page(container.database, Scope(), users=True).lines
    assert (line.recipient, line.count, line.items[0].connection) == (email, 2, None)
    assert email_log.page(container.database, Scope()).lines == []
