"""More invoices at once than one call posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.words import Kind
from sync.errors import Rejected, Unavailable, Uncertain
from tests import factories

if TYPE_CHECKING:
    from tests.sync.conftest import World


def sync(world: World, count: int) -> None:
    """Bring so many invoices, and first their customer and project, so that they go together."""
    world.moment.put(factories.customer("7"))
    world.moment.put(factories.project("8"))
    numbers = range(1, count + 1)
    for number in numbers:
        world.moment.put(factories.invoice(str(number), number=number))
    world.receive(Kind.INVOICE, *map(str, numbers))
    world.run()


def test_no_more_vouchers_are_posted_in_a_call_than_are_known_to_be_taken(world: World) -> None:
    sync(world, 41)
    assert len(world.erp.vouchers) == 41
    assert world.erp.calls["post"] == 3


def test_an_answer_that_is_lost_halfway_through_a_batch_doubles_nothing(world: World) -> None:
    world.erp.fails_after["post"] = [None, Uncertain("No answer.")]
    sync(world, 25)
    assert world.erp.calls["post"] == 2
    world.later(hours=3)
    world.run()
    assert (len(world.erp.vouchers), world.erp.calls["post"], world.erp.calls["posted"]) == (25, 2, 5)


def test_of_calls_that_were_not_made_since_24sevenoffice_was_down_nothing_is_in_doubt(world: World) -> None:
    world.erp.fails_before["post"] = [Uncertain("Error.", otherwise=Rejected("Error."))]
    world.erp.fails_before["posted"] = [Unavailable("Down.")]
    sync(world, 25)
    assert world.erp.calls["posted"] == 20
    world.later(hours=3)
    world.run()
    assert (len(world.erp.vouchers), world.erp.calls["posted"]) == (25, 21)
