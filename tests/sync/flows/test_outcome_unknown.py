"""What a lost call may have saved stays unknown until it is verified."""

from datetime import date

from models import retention
from models.enums import EntityType, Outcome
from sync.errors import OutcomeUnknownError
from sync.records import ExportStatus, LedgerLine
from tests import factories
from tests.sync.conftest import SyncHarness


def test_a_lost_voucher_is_searched_for_even_if_its_invoice_was_skipped_since(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")
    harness.begin()
    harness.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(harness, ExportStatus.TO_TRANSFER)
    harness.later(hours=2)
    sync(harness, ExportStatus.DO_NOT_TRANSFER)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SKIPPED
    harness.later(days=800)
    assert retention.delete_done_jobs(harness.database, before=harness.now) == 2  # the customer and the project
    sync(harness, ExportStatus.TO_TRANSFER)
    assert list(harness.erp.vouchers) == [(2026, 1)]


def sync(harness: SyncHarness, transfer: ExportStatus) -> None:
    harness.put_and_sync(factories.invoice("9", export_status=transfer))


def test_a_customer_renamed_by_a_lost_call_and_renamed_back_gets_its_name_back(harness: SyncHarness) -> None:
    harness.begin()
    for name, lost in (("Fjord AS", [OutcomeUnknownError("No answer.")]), ("Nordlys Arkitekter AS", [])):
        harness.moment.put(factories.customer("7", name=name, number="10001"))
        harness.erp.fails_after["save_companies"] = [*lost]
        harness.receive(EntityType.CUSTOMER, "7")
        harness.drain(EntityType.CUSTOMER)
        harness.later(hours=1)
        assert harness.erp.companies[10001].name == name


def test_a_project_renamed_by_a_lost_call_and_renamed_back_gets_its_name_back(harness: SyncHarness) -> None:
    harness.begin()
    for name, lost in (("Biblioteket", [OutcomeUnknownError("No answer.")]), ("Kulturhuset", [])):
        harness.moment.put(factories.project("8", name=name))
        harness.erp.fails_after["save_project"] = [*lost]
        harness.receive(EntityType.PROJECT, "8")
        harness.drain(EntityType.PROJECT)
        harness.later(hours=1)
        assert harness.erp.projects[1].name == name


def test_an_expense_changed_by_a_lost_call_and_changed_back_gets_its_amount_back(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["project", "expense"], expense_accounts="4300")
    harness.moment.put(factories.project("8", customer_id=""))
    for amount, lost in ((100000, []), (900000, [OutcomeUnknownError("No answer.")]), (100000, [])):
        cost = LedgerLine(4300, amount, date(2026, 2, 20), text="Limtre", project_number=1)
        owed = LedgerLine(2400, -amount, date(2026, 2, 20), customer_number=20001, customer_name="Byggmaker AS")
        harness.erp.purchases["2026-4-40001"] = [cost, owed]
        harness.moment.fails_after["update_expense"] = [*lost]
        harness.receive(EntityType.EXPENSE, "2026-4-40001")
        harness.drain(EntityType.EXPENSE)
        harness.later(hours=1)
        assert [each.amount for each in harness.moment.expenses.values()] == [amount]
