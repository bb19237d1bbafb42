from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.enums import EntityType
from sync.records import Company, LedgerLine, VoucherDocuments
from tests.sync.conftest import SyncHarness
from tests.sync.flows.supplier_vouchers import (
    DAY,
    PDF,
    VOUCHER,
    amounts,
    cost,
    enter,
    enter_and_sync,
    prepare,
    sync_voucher,
)

WRONG: dict[str, Any] = {"customer_number": 20002, "customer_name": "Feil Leverandør AS", "invoice_number": "X-1"}


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    return prepare(harness)


def correct(harness: SyncHarness, *wrong: LedgerLine) -> None:
    """Correct a voucher as 24SevenOffice does: wrong lines and their reversal are hidden, and the number stays."""
    annulled = [replace(line, amount=sign * line.amount, hidden=True) for sign in (1, -1) for line in wrong]
    enter(harness, cost(80000, vat_code="1"), vat=20000)
    harness.erp.purchases[VOUCHER] = [*annulled, *harness.erp.purchases[VOUCHER]]


def test_a_corrected_voucher_is_the_new_suppliers_in_its_currency_and_on_its_day(harness: SyncHarness) -> None:
    day = DAY - timedelta(days=20)
    correct(harness, cost(100000, day=day), LedgerLine(2400, -100000, day, **WRONG, currency="EUR"))
    sync_voucher(harness)
    (draft,) = harness.moment.expenses.values()
    assert (draft.amount, draft.description, draft.day) == (100000, "Limtre", DAY)
    assert (draft.supplier, draft.invoice_number) == ("Byggmaker Øst AS", "F-77")
    assert "Byggmaker" in harness.job(EntityType.EXPENSE, VOUCHER).title


@pytest.mark.parametrize("net", [80000, 100000])
def test_a_corrected_supplier_is_synced_to_the_existing_expense(harness: SyncHarness, net: int) -> None:
    enter_and_sync(harness, cost(net, vat_code="1"), vat=net // 4, **WRONG)
    correct(harness, *harness.erp.purchases[VOUCHER])
    sync_voucher(harness)
    (draft,) = harness.moment.expenses.values()
    assert (draft.amount, draft.supplier, draft.invoice_number) == (100000, "Byggmaker Øst AS", "F-77")


def test_a_nameless_supplier_of_a_corrected_voucher_is_found_by_the_new_number(harness: SyncHarness) -> None:
    harness.erp.companies[20001] = Company(20001, "Byggmaker Øst AS")
    correct(harness, cost(100000), LedgerLine(2400, -100000, DAY, **WRONG))
    *lines, owed = harness.erp.purchases[VOUCHER]
    harness.erp.purchases[VOUCHER] = [*lines, replace(owed, customer_name="")]
    sync_voucher(harness)
    assert [draft.supplier for draft in harness.moment.expenses.values()] == ["Byggmaker Øst AS"]


def test_the_age_of_a_corrected_voucher_counts_from_its_new_lines(harness: SyncHarness) -> None:
    harness.erp.stamps[55] = VoucherDocuments(pending=True)
    correct(harness, cost(100000, day=DAY - timedelta(days=140)), LedgerLine(2400, -100000, DAY))
    sync_voucher(harness)
    harness.erp.stamps[55] = VoucherDocuments((PDF,))
    harness.run_after(days=1)
    assert amounts(harness) == [100000]
