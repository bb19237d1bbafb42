from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from i18n.catalog import Language
from models.admin import job_actions
from models.admin.job_filter import JobFilter
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType, DeliveryStatus, PendingAlert
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record
from models.inbox import leases
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from models.inbox.transitions import JobEvent
from models.schema.tables import AlertRow, ConnectionRow
from tests.factories import NOW, settings

PAUSE = timedelta(minutes=5)


def queue_alert(database: Database, connection: Connection, title: str, *addresses: str) -> None:
    alert_outbox.queue_connection_alert(
        database,
        connection.id,
        Alert(
            type=AlertType.PAUSED,
            title=title,
            message="Wrong.",
            remedy="Mend it.",
            recipients=addresses or ("a@example.com",),
        ),
        now=NOW,
    )


def end(database: Database, address: str, status: DeliveryStatus) -> None:
    statuses = {alert.id: status for alert in alert_outbox.pending_alerts(database, address)}
    alert_outbox.record_delivery(database, statuses, message_id="<1@bridge>", now=NOW)


def queue_record_alert(database: Database, connection: Connection) -> Sequence[PendingAlert]:
    """Make a record need attention, and return the alert to one address."""
    enqueue(database, connection.id, [Record(EntityType.INVOICE, "9")], now=NOW)
    lane = Lane(connection.id, EntityType.INVOICE)
    lease = leases.acquire(database, lane, limit=1, now=NOW, until=NOW + PAUSE)
    assert lease
    alert = Alert(
        type=AlertType.NEEDS_ATTENTION,
        title="Invoice 9",
        message="Wrong.",
        remedy="Mend it.",
        recipients=("a@example.com",),
    )
    result = AttemptResult(job_id=lease.jobs[0].id, event=JobEvent.REJECTED, outcome=Outcome.FAILED, alert=alert)
    leases.complete(database, lease, [result], clock=lambda: NOW)
    return alert_outbox.pending_alerts(database, "a@example.com")


def test_alerts_wait_for_each_address(database: Database, connection: Connection) -> None:
    queue_alert(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    assert set(alert_outbox.recipients_due(database, now=NOW, pause=PAUSE)) == {"a@example.com", "b@example.com"}
    (pending,) = alert_outbox.pending_alerts(database, "a@example.com")
    assert (pending.connection, pending.title, pending.type, pending.at) == (
        "Demo AS",
        "Invoice 1",
        AlertType.PAUSED,
        NOW,
    )


@pytest.mark.parametrize("status", [DeliveryStatus.SENT, DeliveryStatus.REFUSED])
def test_after_a_mail_an_address_gets_the_next_alerts_together_later(
    database: Database, connection: Connection, status: DeliveryStatus
) -> None:
    queue_alert(database, connection, "Invoice 1")
    end(database, "a@example.com", status)
    queue_alert(database, connection, "Invoice 2")
    queue_alert(database, connection, "Invoice 3")
    assert alert_outbox.recipients_due(database, now=NOW + timedelta(minutes=4), pause=PAUSE) == []
    assert alert_outbox.recipients_due(database, now=NOW + PAUSE, pause=PAUSE) == ["a@example.com"]
    assert [each.title for each in alert_outbox.pending_alerts(database, "a@example.com")] == [
        "Invoice 2",
        "Invoice 3",
    ]


@pytest.mark.parametrize("status", list(DeliveryStatus))
def test_an_alert_is_mailed_once_and_not_tried_forever(
    database: Database, connection: Connection, status: DeliveryStatus
) -> None:
    queue_alert(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    end(database, "a@example.com", status)
    assert alert_outbox.recipients_due(database, now=NOW + 2 * PAUSE, pause=PAUSE) == ["b@example.com"]


def test_a_connection_with_many_recipients_delays_no_other(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    queue_alert(database, connection, "Paused", "a@example.com", "b@example.com", "c@example.com")
    queue_alert(database, other, "Paused", "c@example.com", "d@example.com")
    due = alert_outbox.recipients_due(database, now=NOW, pause=PAUSE)
    assert list(due) == ["a@example.com", "c@example.com", "b@example.com", "d@example.com"]


def test_withdrawn_alerts_delay_no_mail(database: Database, connection: Connection) -> None:
    queue_alert(database, connection, "Invoice 1")
    end(database, "a@example.com", DeliveryStatus.WITHDRAWN)
    queue_alert(database, connection, "Invoice 2")
    assert alert_outbox.recipients_due(database, now=NOW, pause=PAUSE) == ["a@example.com"]


def test_recipient_content_and_time_of_a_mail_are_stored(database: Database, connection: Connection) -> None:
    queue_alert(database, connection, "Invoice 1", "a@example.com", "b@example.com")
    end(database, "a@example.com", DeliveryStatus.SENT)
    end(database, "b@example.com", DeliveryStatus.WITHDRAWN)
    columns = (AlertRow.recipient, AlertRow.title, AlertRow.status, AlertRow.ended_at, AlertRow.message_id)
    with database.transaction() as session:
        written = [tuple(row) for row in session.execute(select(*columns).order_by(AlertRow.id))]
    assert written == [
        ("a@example.com", "Invoice 1", "sent", NOW, "<1@bridge>"),
        ("b@example.com", "Invoice 1", "withdrawn", NOW, None),
    ]


def test_an_alert_about_a_record_has_its_type_and_since_when_it_needs_attention(
    database: Database, connection: Connection
) -> None:
    (told,) = queue_record_alert(database, connection)
    assert (told.entity_type, told.since) == (EntityType.INVOICE, NOW)
    chosen = JobFilter(ids=frozenset({told.job_id or 0}))
    job_actions.dismiss(database, chosen, because="Posted by hand", actor="kari", now=NOW)
    (told,) = alert_outbox.pending_alerts(database, "a@example.com")
    assert told.since is None


@pytest.mark.parametrize(
    ("entity_type", "name"),
    [(EntityType.INVOICE, "Invoice 9 in Moment"), (EntityType.EXPENSE, "Voucher 9 in 24SevenOffice")],
)
def test_a_record_not_read_yet_is_named_by_its_source(entity_type: EntityType, name: str) -> None:
    assert Record(entity_type, "9").name == name


def test_an_alert_is_in_the_language_of_its_connection_with_its_error_code(
    database: Database, connections: Connections
) -> None:
    english, _ = connections.add(
        "Fjord AS", settings(moment_company="fjord-as", language="en"), actor="test", now=NOW
    )
    usual, _ = connections.add("Ås AS", settings(moment_company="as-as", language="nb"), actor="test", now=NOW)
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, usual.id)
        row.settings = {
            name: value for name, value in row.settings.items() if name != "language"
        }  # as in earlier versions
    for each in (english, usual):
        alert = Alert(
            type=AlertType.PAUSED,
            title=each.name,
            message="Wrong.",
            remedy="",
            recipients=("a@example.com",),
            error_code="moment_key",
        )
        alert_outbox.queue_connection_alert(database, each.id, alert, now=NOW)
    pending = [(each.language, each.error_code) for each in alert_outbox.pending_alerts(database, "a@example.com")]
    assert pending == [(Language.ENGLISH, "moment_key"), (Language.NORWEGIAN, "moment_key")]
