"""What a lost call may have saved stays unknown until it is verified."""

from datetime import date

from models import retention
from models.enums import EntityType, Outcome
from sync.errors import OutcomeUnknownError
from sync.records import ExportStatus, LedgerLine
from tests import factories
from tests.sync.conftest import World


def test_a_lost_voucher_is_searched_for_even_if_its_invoice_was_skipped_since(world: World) -> None:
    world.change_settings(voucher_number="series")
    world.begin()
    world.erp.fails_after["post"] = [OutcomeUnknownError("No answer.")]
    sync(world, ExportStatus.TO_TRANSFER)
    world.later(hours=2)
    sync(world, ExportStatus.DO_NOT_TRANSFER)
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SKIPPED
    world.later(days=800)
    assert retention.delete_done_jobs(world.database, before=world.now) == 2  # the customer and the project
    sync(world, ExportStatus.TO_TRANSFER)
    assert list(world.erp.vouchers) == [(2026, 1)]


def sync(world: World, transfer: ExportStatus) -> None:
    world.put_and_sync(factories.invoice("9", export_status=transfer))


def test_a_customer_renamed_by_a_lost_call_and_renamed_back_gets_its_name_back(world: World) -> None:
    world.begin()
    for name, lost in (("Fjord AS", [OutcomeUnknownError("No answer.")]), ("Nordlys Arkitekter AS", [])):
        world.moment.put(factories.customer("7", name=name, number="10001"))
        world.erp.fails_after["save_companies"] = [*lost]
        world.receive(EntityType.CUSTOMER, "7")
        world.drain(EntityType.CUSTOMER)
        world.later(hours=1)
        assert world.erp.companies[10001].name == name


def test_a_project_renamed_by_a_lost_call_and_renamed_back_gets_its_name_back(world: World) -> None:
    world.begin()
    for name, lost in (("Biblioteket", [OutcomeUnknownError("No answer.")]), ("Kulturhuset", [])):
        world.moment.put(factories.project("8", name=name))
        world.erp.fails_after["save_project"] = [*lost]
        world.receive(EntityType.PROJECT, "8")
        world.drain(EntityType.PROJECT)
        world.later(hours=1)
        assert world.erp.projects[1].name == name


def test_an_expense_changed_by_a_lost_call_and_changed_back_gets_its_amount_back(world: World) -> None:
    world.change_settings(entity_types=["project", "expense"], expense_accounts="4300")
    world.moment.put(factories.project("8", customer_id=""))
    for amount, lost in ((100000, []), (900000, [OutcomeUnknownError("No answer.")]), (100000, [])):
        cost = LedgerLine(4300, amount, date(2026, 2, 20), text="Limtre", project_number=1)
        owed = LedgerLine(2400, -amount, date(2026, 2, 20), customer_number=20001, customer_name="Byggmaker AS")
        world.erp.purchases["2026-4-40001"] = [cost, owed]
        world.moment.fails_after["update_expense"] = [*lost]
        world.receive(EntityType.EXPENSE, "2026-4-40001")
        world.drain(EntityType.EXPENSE)
        world.later(hours=1)
        assert [each.amount for each in world.moment.expenses.values()] == [amount]
