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
from tests.sync.conftest import SyncHarness

VOUCHER = "2026-4-40001"
RECORD = Record(EntityType.EXPENSE, VOUCHER)
DAY = date(2026, 2, 20)


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    harness.change_settings(entity_types=["expense"], expense_accounts="4300, 6590")
    harness.moment.put(factories.project("8", number="1", customer_id=""))
    harness.erp.purchases[VOUCHER] = [LedgerLine(4300, 1000, DAY, project_number=1), LedgerLine(2400, -1000, DAY)]
    return harness


def prospects(harness: SyncHarness, *, days: int = 3) -> list[PlannedRecord]:
    context = harness.open_context(harness.connection, refuse_writes)
    return list(preview_expenses(context, since=harness.now - timedelta(days=days), now=harness.now))


def test_a_preview_shows_what_would_be_imported_and_writes_nothing(harness: SyncHarness) -> None:
    title, key = "Voucher 40001/2026", f"{VOUCHER}/1/4300"
    assert prospects(harness) == [PlannedRecord(RECORD, PlannedAction.SYNC, title, remote_id=key, amount=1000)]
    assert harness.moment.expenses == {}
    assert job_list.latest(harness.database, JobFilter()) == []


def test_synced_and_skipped_parts_of_one_voucher_are_distinguished(harness: SyncHarness) -> None:
    harness.erp.purchases[VOUCHER].append(LedgerLine(6590, 500, DAY, project_number=77))
    assert [(each.action, each.amount, each.why) for each in prospects(harness)] == [
        (PlannedAction.SYNC, 1000, ""),
        (PlannedAction.SKIP, 0, "Moment has no project 77"),
    ]


def test_a_voucher_that_changed_in_two_weeks_is_listed_once(harness: SyncHarness) -> None:
    assert len(prospects(harness, days=20)) == 1
    assert [until - since for since, until in harness.erp.asked] == [WINDOW, WINDOW, timedelta(days=6)]


def test_a_voucher_that_is_refused_is_reported_like_the_others(harness: SyncHarness) -> None:
    harness.erp.fails_before["supplier_voucher"] = [RejectedError("It cannot be read.")]
    title, why = f"Voucher {VOUCHER} in 24SevenOffice", "It cannot be read."
    assert prospects(harness) == [PlannedRecord(RECORD, PlannedAction.REJECT, title, why=why)]


def test_a_preview_ends_if_a_system_is_down(harness: SyncHarness) -> None:
    harness.erp.fails_before["supplier_voucher"] = [UnavailableError("24SevenOffice is down.")]
    with pytest.raises(UnavailableError):
        prospects(harness)
