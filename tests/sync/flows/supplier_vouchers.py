"""Vouchers of a supplier as a bookkeeper enters them, for the tests of expenses."""

from datetime import date
from typing import Any

from models.enums import EntityType
from sync.records import LedgerLine, VoucherDocument, VoucherDocuments
from tests import factories
from tests.sync.conftest import SyncHarness

DAY = date(2026, 2, 20)
VOUCHER = "2026-4-40001"
PDF, PNG = VoucherDocument("1", "pdf"), VoucherDocument("2", "png")


def prepare(harness: SyncHarness) -> SyncHarness:
    """Sync costs on two accounts for two projects, with a document."""
    harness.change_settings(
        entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300, 6590"
    )
    harness.moment.put(factories.project("8", number="1", customer_id=""))
    harness.moment.put(factories.project("9", number="2", customer_id=""))
    harness.erp.stamps[55] = VoucherDocuments((PDF,))
    harness.erp.contents |= {"1": b"%PDF", "2": b"PNG"}
    return harness


def cost(amount: int, account: int = 4300, *, day: date = DAY, **values: Any) -> LedgerLine:
    return LedgerLine(account, amount, day, **{"text": "Limtre", "project_number": 1, "stamp": 55, **values})


def enter(harness: SyncHarness, *costs: LedgerLine, voucher: str = VOUCHER, vat: int = 0, **supplier: Any) -> None:
    tax = [LedgerLine(2711, vat, DAY, costs[0].vat_code)] if vat else []
    owed = -sum(line.amount for line in (*costs, *tax))
    known = {"customer_number": 20001, "customer_name": "Byggmaker Øst AS", "invoice_number": "F-77"}
    harness.erp.purchases[voucher] = [*costs, *tax, LedgerLine(2400, owed, DAY, **{**known, **supplier})]


def sync_voucher(harness: SyncHarness, voucher: str = VOUCHER) -> None:
    harness.sync(EntityType.EXPENSE, voucher)


def enter_and_sync(harness: SyncHarness, *costs: LedgerLine, **more: Any) -> None:
    enter(harness, *costs, **more)
    sync_voucher(harness)


def amounts(harness: SyncHarness) -> list[int]:
    return [draft.amount for draft in harness.moment.expenses.values()]
