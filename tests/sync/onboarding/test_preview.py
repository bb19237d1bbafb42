from datetime import date, timedelta

import pytest

from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.enums import EntityType, Record
from sync.errors import RejectedError, UnavailableError
from sync.onboarding.preview import PlannedAction, PlannedRecord, preview_expenses, refuse_writes
from sync.polling.polls import WINDOW
from sync.records import LedgerLine
from tests import factories
from tests.sync.conftest import World

VOUCHER = "2026-4-40001"
RECORD = Record(EntityType.EXPENSE, VOUCHER)
DAY = date(2026, 2, 20)


@pytest.fixture
def world(world: World) -> World:
    world.change_settings(entity_types=["expense"], expense_accounts="4300, 6590")
    world.moment.put(factories.project("8", number="1", customer_id=""))
    world.erp.purchases[VOUCHER] = [LedgerLine(4300, 1000, DAY, project_number=1), LedgerLine(2400, -1000, DAY)]
    return world


def prospects(world: World, *, days: int = 3) -> list[PlannedRecord]:
    context = world.open_context(world.connection, refuse_writes)
    return list(preview_expenses(context, since=world.now - timedelta(days=days), now=world.now))


def test_a_preview_shows_what_would_be_imported_and_writes_nothing(world: World) -> None:
    title, key = "Voucher 40001/2026", f"{VOUCHER}/1/4300"
    assert prospects(world) == [PlannedRecord(RECORD, PlannedAction.SYNC, title, remote_id=key, amount=1000)]
    assert world.moment.expenses == {}
    assert job_list.latest(world.database, JobFilter()) == []


def test_synced_and_skipped_parts_of_one_voucher_are_distinguished(world: World) -> None:
    world.erp.purchases[VOUCHER].append(LedgerLine(6590, 500, DAY, project_number=77))
    assert [(each.action, each.amount, each.why) for each in prospects(world)] == [
        (PlannedAction.SYNC, 1000, ""),
        (PlannedAction.SKIP, 0, "Moment has no project 77"),
    ]


def test_a_voucher_that_changed_in_two_weeks_is_listed_once(world: World) -> None:
    assert len(prospects(world, days=20)) == 1
    assert [until - since for since, until in world.erp.asked] == [WINDOW, WINDOW, timedelta(days=6)]


def test_a_voucher_that_is_refused_is_reported_like_the_others(world: World) -> None:
    world.erp.fails_before["supplier_voucher"] = [RejectedError("It cannot be read.")]
    title, why = f"Voucher {VOUCHER} in 24SevenOffice", "It cannot be read."
    assert prospects(world) == [PlannedRecord(RECORD, PlannedAction.REJECT, title, why=why)]


def test_a_preview_ends_if_a_system_is_down(world: World) -> None:
    world.erp.fails_before["supplier_voucher"] = [UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        prospects(world)
