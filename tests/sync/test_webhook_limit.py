from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.enums import EntityType, Record
from models.inbox import webhook_intake
from models.inbox.enqueue import enqueue
from models.inbox.webhook_limit import DAY, MAX_NONEXISTENT, MAX_UNTRIED, UNTRIED_LIMIT, limit_if_flooded
from models.schema.tables import SyncJobRow
from tests import factories
from tests.sync.conftest import SyncHarness


@pytest.fixture
def token(harness: SyncHarness) -> str:
    return harness.connections.regenerate_token(harness.connection.id, actor="test", now=harness.now)


def enqueued(harness: SyncHarness, token: str, *records: int) -> list[bool]:
    """Return which of these invoices a webhook enqueues."""
    receipts = [
        webhook_intake.enqueue_webhook(
            harness.database, token, Record(EntityType.INVOICE, str(record)), now=harness.now
        )
        for record in records
    ]
    assert None not in receipts
    return [receipt.enqueued for receipt in receipts if receipt]


def jobs(harness: SyncHarness) -> int:
    return harness.database.scalar(select(func.count()).select_from(SyncJobRow)) or 0


def test_made_up_records_are_read_a_hundred_times_a_day_then_left_to_polls(
    harness: SyncHarness, token: str
) -> None:
    enqueued(harness, token, *range(1, MAX_NONEXISTENT))
    harness.run()
    assert enqueued(harness, token, 9000) == [True]
    assert harness.mails() == []
    harness.run()
    assert harness.mails() == [("webhook", "Demo AS")]
    assert enqueued(harness, token, *range(9001, 9100)) == [False] * 99
    assert enqueued(harness, token, 1, 9000) == [False, False]  # nor what was made up before
    assert jobs(harness) == MAX_NONEXISTENT
    harness.later(days=1, seconds=1)
    assert enqueued(harness, token, 9001) == [True]


def test_a_limited_webhook_still_syncs_known_records_and_polls_the_rest(harness: SyncHarness, token: str) -> None:
    harness.begin()
    for number in (1, 2):
        harness.moment.put(factories.invoice(str(number), number=number))
    enqueued(harness, token, 1)
    enqueued(harness, token, *range(1000, 1000 + MAX_NONEXISTENT))
    harness.run()
    assert enqueued(harness, token, 1) == [False]  # within a minute; the poll has it
    harness.later(minutes=1)
    assert enqueued(harness, token, 1, 2) == [True, False]
    assert enqueued(harness, token, *[1] * 50) == [False] * 50
    harness.sync(EntityType.INVOICE, "2")
    assert len(harness.erp.vouchers) == 2
    harness.later(minutes=1)
    assert enqueued(harness, token, 2) == [True]


def test_a_new_webhook_url_is_not_limited(harness: SyncHarness, token: str) -> None:
    enqueued(harness, token, *range(MAX_NONEXISTENT))
    harness.run()
    new = harness.connections.regenerate_token(harness.connection.id, actor="test", now=harness.now)
    assert enqueued(harness, new, 9001) == [True]


def test_webhooks_to_the_old_url_do_not_limit_the_new_one(harness: SyncHarness, token: str) -> None:
    enqueued(harness, token, *range(MAX_NONEXISTENT))
    harness.run()
    harness.later(seconds=1)
    new = harness.connections.regenerate_token(harness.connection.id, actor="test", now=harness.now)
    enqueued(harness, new, 9001)
    harness.run()
    assert enqueued(harness, new, 9002) == [True]
    assert harness.mails() == [("webhook", "Demo AS")]
    enqueued(harness, new, *range(9003, 9001 + MAX_NONEXISTENT))
    harness.run()
    assert enqueued(harness, new, 9500) == [False]


def test_records_synced_once_and_deleted_since_do_not_count_as_made_up(harness: SyncHarness, token: str) -> None:
    harness.begin()
    for number in range(1, MAX_NONEXISTENT + 1):
        harness.moment.put(factories.customer(str(number)))
    harness.sync(EntityType.CUSTOMER, *map(str, range(1, MAX_NONEXISTENT + 1)))
    harness.moment.customers.clear()
    harness.sync(EntityType.CUSTOMER, *map(str, range(1, MAX_NONEXISTENT + 1)))
    assert harness.job(EntityType.CUSTOMER, "9").error_code == "gone"
    assert enqueued(harness, token, 9000) == [True]


def test_a_paused_connection_accepts_a_limited_number_of_untried_records(harness: SyncHarness, token: str) -> None:
    records = [Record(EntityType.INVOICE, str(number)) for number in range(MAX_UNTRIED)]
    enqueue(harness.database, harness.connection.id, records[1:], now=harness.now)
    limit_if_flooded(harness.database, harness.connection.id, now=harness.now)
    assert enqueued(harness, token, 0) == [True]
    limit_if_flooded(harness.database, harness.connection.id, now=harness.now)
    harness.later(minutes=1)
    assert enqueued(harness, token, 9000, 7) == [False, True]
    assert harness.mails() == []  # they may be real
    harness.later(seconds=(UNTRIED_LIMIT + timedelta(seconds=1)).total_seconds())
    assert UNTRIED_LIMIT < DAY
    assert enqueued(harness, token, 9000) == [True]
