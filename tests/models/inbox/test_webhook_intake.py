from datetime import timedelta

from sqlalchemy import text

from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, Lane, Record
from models.inbox import cursors, restore, webhook_intake
from models.inbox.webhook_intake import WebhookReceipt
from tests import factories

INVOICE, OTHER, COST = (
    Record(EntityType.INVOICE, "7"),
    Record(EntityType.INVOICE, "8"),
    Record(EntityType.EXPENSE, "7"),
)


def test_only_records_of_synced_types_enter_the_inbox(database: Database, connections: Connections) -> None:
    connection, token = add(connections)
    assert receive(database, token, INVOICE) == WebhookReceipt(connection, enqueued=True)
    assert receive(database, token, INVOICE) == WebhookReceipt(connection, enqueued=True)
    assert receive(database, token, COST) == WebhookReceipt(connection, enqueued=False)
    assert [view.record for view in job_list.latest(database, JobFilter())] == [INVOICE]


def test_an_unknown_token_enqueues_nothing(database: Database, connections: Connections) -> None:
    add(connections)
    assert receive(database, "guess", INVOICE) is None
    assert job_list.latest(database, JobFilter()) == []


def test_without_entity_types_in_the_settings_the_default_ones_are_synced(
    database: Database, connections: Connections
) -> None:
    connection, token = add(connections)
    with database.transaction() as session:
        session.execute(text("update connections set settings = settings - 'kinds'"))
    assert receive(database, token, INVOICE) == WebhookReceipt(connection, enqueued=True)
    assert receive(database, token, COST) == WebhookReceipt(connection, enqueued=False)


def test_a_webhook_after_a_restore_is_verified_until_a_poll_has_caught_up(
    database: Database, connections: Connections
) -> None:
    connection, token = add(connections)
    restore.mark_restored(database, connection_ids=None, since=None, actor="test", now=factories.NOW)
    receive(database, token, INVOICE)
    cursors.move(database, Lane(connection, EntityType.INVOICE), to=factories.NOW + timedelta(hours=1))
    receive(database, token, OTHER)
    with database.transaction() as session:
        rows = session.execute(text("select record_id, outcome_unknown from sync_jobs order by id")).all()
    assert rows == [("7", True), ("8", False)]


def add(connections: Connections) -> tuple[int, str]:
    connection, token = connections.add("Firm", factories.settings(), actor="test", now=factories.NOW)
    return connection.id, token


def receive(database: Database, token: str, record: Record) -> WebhookReceipt | None:
    return webhook_intake.enqueue_webhook(database, token, record, now=factories.NOW)
