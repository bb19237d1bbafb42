"""What a lost call may have saved stays in doubt until somebody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import retention
from models.words import Kind, Outcome
from sync.errors import Uncertain
from sync.records import Transfer
from tests import factories

if TYPE_CHECKING:
    from tests.sync.conftest import World


def test_a_lost_voucher_is_looked_for_also_when_its_invoice_was_left_alone_meanwhile(world: World) -> None:
    world.change_settings(voucher_number="series")
    world.begin()
    world.erp.fails_after["post"] = [Uncertain("No answer.")]
    sync(world, Transfer.WANTED)
    world.later(hours=2)
    sync(world, Transfer.UNWANTED)
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SKIPPED
    world.later(days=800)
    assert retention.forget_settled(world.database, before=world.now) == 2  # the customer and the project
    sync(world, Transfer.WANTED)
    assert list(world.erp.vouchers) == [(2026, 1)]


def sync(world: World, transfer: Transfer) -> None:
    world.moment.put(factories.invoice("9", transfer=transfer))
    world.receive(Kind.INVOICE, "9")
    world.run()
