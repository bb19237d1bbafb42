"""What a lost call may have saved stays in doubt until somebody has looked."""

from models.enums import EntityType, Outcome
from models.inbox import retention
from sync.errors import OutcomeUnknownError
from sync.records import ExportStatus
from tests import factories
from tests.sync.conftest import World


def test_a_lost_voucher_is_looked_for_also_when_its_invoice_was_left_alone_meanwhile(world: World) -> None:
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
    world.moment.put(factories.invoice("9", export_status=transfer))
    world.receive(EntityType.INVOICE, "9")
    world.run()
