from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.enums import EntityType, Record
from models.inbox import webhook_intake
from models.inbox.enqueue import enqueue
from models.inbox.webhook_limit import DAY, MAX_NONEXISTENT, MAX_UNTRIED, UNTRIED_LIMIT, limit_if_flooded
from models.schema.tables import SyncJobRow
from tests import factories
from tests.sync.conftest import World


@pytest.fixture
def token(world: World) -> str:
    return world.connections.regenerate_token(world.connection.id, actor="test", now=world.now)


def told(world: World, token: str, *records: int) -> list[bool]:
    """Return which of these invoices a webhook enqueues."""
    receipts = [
        webhook_intake.enqueue_webhook(
            world.database, token, Record(EntityType.INVOICE, str(record)), now=world.now
        )
        for record in records
    ]
    assert None not in receipts
    return [receipt.enqueued for receipt in receipts if receipt]


def jobs(world: World) -> int:
    return world.database.scalar(select(func.count()).select_from(SyncJobRow)) or 0


def test_made_up_records_are_read_a_hundred_times_a_day_then_left_to_polls(world: World, token: str) -> None:
    told(world, token, *range(1, MAX_NONEXISTENT))
    world.run()
    assert told(world, token, 9000) == [True]
    assert world.mails() == []
    world.run()
    assert world.mails() == [("webhook", "Demo AS")]
    assert told(world, token, *range(9001, 9100)) == [False] * 99
    assert told(world, token, 1, 9000) == [False, False]  # nor what was made up before
    assert jobs(world) == MAX_NONEXISTENT
    world.later(days=1, seconds=1)
    assert told(world, token, 9001) == [True]


def test_a_limited_webhook_still_syncs_known_records_and_polls_the_rest(world: World, token: str) -> None:
    world.begin()
    for number in (1, 2):
        world.moment.put(factories.invoice(str(number), number=number))
    told(world, token, 1)
    told(world, token, *range(1000, 1000 + MAX_NONEXISTENT))
    world.run()
    assert told(world, token, 1) == [False]  # within a minute; the poll has it
    world.later(minutes=1)
    assert told(world, token, 1, 2) == [True, False]
    assert told(world, token, *[1] * 50) == [False] * 50
    world.sync(EntityType.INVOICE, "2")
    assert len(world.erp.vouchers) == 2
    world.later(minutes=1)
    assert told(world, token, 2) == [True]


def test_a_new_webhook_url_is_not_limited(world: World, token: str) -> None:
    told(world, token, *range(MAX_NONEXISTENT))
    world.run()
    new = world.connections.regenerate_token(world.connection.id, actor="test", now=world.now)
    assert told(world, new, 9001) == [True]


def test_webhooks_to_the_old_url_do_not_limit_the_new_one(world: World, token: str) -> None:
    told(world, token, *range(MAX_NONEXISTENT))
    world.run()
    world.later(seconds=1)
    new = world.connections.regenerate_token(world.connection.id, actor="test", now=world.now)
    told(world, new, 9001)
    world.run()
    assert told(world, new, 9002) == [True]
    assert world.mails() == [("webhook", "Demo AS")]
    told(world, new, *range(9003, 9001 + MAX_NONEXISTENT))
    world.run()
    assert told(world, new, 9500) == [False]


def test_records_synced_once_and_deleted_since_do_not_count_as_made_up(world: World, token: str) -> None:
    world.begin()
    for number in range(1, MAX_NONEXISTENT + 1):
        world.moment.put(factories.customer(str(number)))
    world.sync(EntityType.CUSTOMER, *map(str, range(1, MAX_NONEXISTENT + 1)))
    world.moment.customers.clear()
    world.sync(EntityType.CUSTOMER, *map(str, range(1, MAX_NONEXISTENT + 1)))
    assert world.job(EntityType.CUSTOMER, "9").error_code == "gone"
    assert told(world, token, 9000) == [True]


def test_a_paused_connection_accepts_a_limited_number_of_untried_records(world: World, token: str) -> None:
    records = [Record(EntityType.INVOICE, str(number)) for number in range(MAX_UNTRIED)]
    enqueue(world.database, world.connection.id, records[1:], now=world.now)
    limit_if_flooded(world.database, world.connection.id, now=world.now)
    assert told(world, token, 0) == [True]
    limit_if_flooded(world.database, world.connection.id, now=world.now)
    world.later(minutes=1)
    assert told(world, token, 9000, 7) == [False, True]
    assert world.mails() == []  # they may be real
    world.later(seconds=(UNTRIED_LIMIT + timedelta(seconds=1)).total_seconds())
    assert UNTRIED_LIMIT < DAY
    assert told(world, token, 9000) == [True]
