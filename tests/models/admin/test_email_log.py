from datetime import datetime, timedelta

from models.admin import email_log
from models.admin.email_log import MAX_ITEMS_SHOWN
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType, DeliveryStatus
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import Scope
from models.inbox.transitions import JobEvent
from models.pagination import PAGE_SIZE
from tests.factories import NOW, settings
from tests.models.completed_jobs import completed_job

EVERYTHING = Scope()
HOUR = timedelta(hours=1)


def queue_alert(
    database: Database, connection: Connection, title: str, *addresses: str, at: datetime = NOW
) -> None:
    alert = Alert(
        type=AlertType.OUTAGE, title=title, message="Wrong.", remedy="", recipients=addresses or ("a@example.com",)
    )
    alert_outbox.queue_connection_alert(database, connection.id, alert, now=at)


def send(
    database: Database,
    address: str = "a@example.com",
    *,
    status: DeliveryStatus = DeliveryStatus.SENT,
    at: datetime = NOW,
) -> None:
    """End the pending alerts of an address in one mail."""
    pending = alert_outbox.pending_alerts(database, address)
    alert_outbox.record_delivery(database, {alert.id: status for alert in pending}, message_id=f"<{at}>", now=at)


def list_mails(
    database: Database, scope: Scope = EVERYTHING
) -> list[tuple[str, DeliveryStatus | None, list[str]]]:
    page = email_log.page(database, scope)
    return [(mail.recipient, mail.status, [each.title for each in mail.items]) for mail in page.lines]


def test_mails_are_listed_with_recipient_and_content_latest_first(
    database: Database, connection: Connection
) -> None:
    queue_alert(database, connection, "First", "a@example.com", "b@example.com")
    queue_alert(database, connection, "Second")
    send(database, at=NOW)
    send(database, "b@example.com", status=DeliveryStatus.REFUSED, at=NOW + HOUR)
    assert list_mails(database) == [
        ("b@example.com", DeliveryStatus.REFUSED, ["First"]),
        ("a@example.com", DeliveryStatus.SENT, ["First", "Second"]),
    ]


def test_pending_mails_are_listed_until_they_are_sent(database: Database, connection: Connection) -> None:
    queue_alert(database, connection, "First", at=NOW)
    queue_alert(database, connection, "Second", at=NOW + HOUR)
    (mail,) = email_log.pending(database, EVERYTHING)
    assert (mail.at, mail.status, mail.count) == (NOW, None, 2)
    send(database)
    assert email_log.pending(database, EVERYTHING) == []


def test_a_long_mail_shows_how_it_begins_and_counts_the_rest(database: Database, connection: Connection) -> None:
    for n in range(MAX_ITEMS_SHOWN + 5):
        queue_alert(database, connection, f"Alert {n}")
    send(database)
    (mail,) = email_log.page(database, EVERYTHING).lines
    assert (mail.count, [each.title for each in mail.items]) == (
        MAX_ITEMS_SHOWN + 5,
        [f"Alert {n}" for n in range(MAX_ITEMS_SHOWN)],
    )


def test_users_see_only_their_part_of_a_mail_about_several_companies(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    queue_alert(database, connection, "Ours")
    queue_alert(database, other, "Theirs")
    theirs = Scope(frozenset({other.id}))
    assert [mail.count for mail in email_log.pending(database, theirs)] == [1]
    send(database)
    assert list_mails(database, theirs) == [("a@example.com", DeliveryStatus.SENT, ["Theirs"])]
    assert list_mails(database, Scope(frozenset())) == []


def test_mails_are_paged_both_ways(database: Database, connection: Connection) -> None:
    for n in range(PAGE_SIZE + 5):
        queue_alert(database, connection, f"Alert {n}")
        send(database, at=NOW + n * HOUR)
    first = email_log.page(database, EVERYTHING)
    assert first.older
    second = email_log.page(database, EVERYTHING, key=first.older)
    titles = [mail.items[0].title for mail in (*first.lines, *second.lines)]
    assert titles == [f"Alert {n}" for n in reversed(range(PAGE_SIZE + 5))]
    assert second.newer
    assert email_log.page(database, EVERYTHING, key=second.newer) == first


def test_a_record_shows_who_was_mailed_about_it(database: Database, connection: Connection) -> None:
    alert = Alert(
        type=AlertType.NEEDS_ATTENTION,
        title="Invoice 1024",
        message="Wrong.",
        remedy="",
        recipients=("a@example.com", "b@example.com"),
    )
    job = completed_job(database, connection.id, event=JobEvent.REJECTED, alert=alert)
    send(database, at=NOW + HOUR)
    heard = [(mail.recipient, mail.status, mail.at) for mail in email_log.of_job(database, job.id)]
    assert heard == [("b@example.com", None, NOW), ("a@example.com", DeliveryStatus.SENT, NOW + HOUR)]
