"""What becomes of records whose customer or project never comes across."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from models import changes, links, mending, waiting
from models.links import Link
from models.tables import ChangeRow
from models.wanted import Wanted
from models.words import Kind, Outcome, Record, State
from sync.errors import Unavailable
from tests import factories

if TYPE_CHECKING:
    from sync.records import Customer, Invoice
    from tests.sync.conftest import World

GONE = "Moment does not have this {} any more."


def put_invoices(world: World, *record_ids: str) -> None:
    """Finalize invoices to customer 7, whom Moment does not have as long as a test does not put it there."""
    for record_id in record_ids:
        world.moment.put(factories.invoice(record_id, number=int(record_id), project_id=""))


def chosen(world: World, kind: Kind, record_id: str) -> Wanted:
    return Wanted(ids=frozenset({world.change(kind, record_id).id}))


def close(world: World, kind: Kind, record_id: str) -> None:
    wanted = chosen(world, kind, record_id)
    changes.close(world.database, wanted, because=changes.UNWANTED, who="kari", now=world.now)


def retry(world: World, kind: Kind, record_id: str) -> None:
    changes.retry(world.database, chosen(world, kind, record_id), who="kari", now=world.now)


def attempts(world: World, kind: Kind, record_id: str) -> int:
    return len(changes.attempts(world.database, world.change(kind, record_id).id))


def pass_by(world: World, *, hours: int) -> None:
    """Let time go by, and whatever is due be tried every few minutes."""
    for _ in range(hours * 12):
        world.later(minutes=5)
        world.run()


@pytest.mark.parametrize(
    ("there", "gone", "what"),
    [
        ([], "Customer 7", GONE.format("customer")),
        ([factories.customer("7")], "Project 8", GONE.format("project")),
    ],
)
def test_an_invoice_whose_customer_or_project_is_gone_needs_a_person_at_once(
    world: World, there: list[Customer], gone: str, what: str
) -> None:
    world.moment.put(factories.invoice("9"))
    for customer in there:
        world.moment.put(customer)
    world.receive(Kind.INVOICE, "9")
    world.run()
    invoice = world.change(Kind.INVOICE, "9")
    assert (invoice.state, invoice.reason) == (State.STUCK, "dependency_gone")
    assert invoice.message == f"{gone} in Moment must come across first, and cannot: {what}"
    assert world.mails() == [("worse", "Invoice 1")]


def test_a_project_whose_customer_is_gone_needs_a_person_and_its_invoice_waits(world: World) -> None:
    world.moment.put(factories.project("8"))
    world.moment.put(factories.customer("70"))
    world.moment.put(factories.invoice("9", customer_id="70"))
    world.receive(Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.PROJECT, "8").reason == "dependency_gone"
    assert world.change(Kind.INVOICE, "9").state is State.WAITING
    assert world.mails() == [("worse", "Project 1")]


def test_many_invoices_of_a_customer_who_is_gone_are_tried_twice_each_and_no_more(world: World) -> None:
    put_invoices(world, *map(str, range(1, 26)))
    world.receive(Kind.INVOICE, *map(str, range(1, 26)))
    world.run()
    pass_by(world, hours=24)
    assert {attempts(world, Kind.INVOICE, str(n)) for n in range(1, 26)} == {2}
    assert attempts(world, Kind.CUSTOMER, "7") == 2  # once for each batch


def test_while_its_customer_needs_a_person_an_invoice_is_tried_six_times_an_hour(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    before = attempts(world, Kind.INVOICE, "9")
    pass_by(world, hours=3)
    assert attempts(world, Kind.INVOICE, "9") - before == 18
    assert attempts(world, Kind.CUSTOMER, "7") == 1
    assert world.mails() == [("worse", "Customer 7")]


def test_an_invoice_whose_customer_a_person_closes_needs_one_too(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    close(world, Kind.CUSTOMER, "7")
    pass_by(world, hours=1)
    invoice = world.change(Kind.INVOICE, "9")
    assert (invoice.state, invoice.reason) == (State.STUCK, "dependency_dismissed")
    assert invoice.message == (
        "Customer Refused AS must come across first, and somebody has closed it: Do not transfer (kari)."
    )
    tried = attempts(world, Kind.INVOICE, "9")
    pass_by(world, hours=24)
    assert attempts(world, Kind.INVOICE, "9") == tried


def test_a_new_invoice_of_a_customer_whom_a_person_closed_needs_one_at_once(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"))
    world.receive(Kind.CUSTOMER, "7")
    world.run()
    close(world, Kind.CUSTOMER, "7")
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.INVOICE, "9").reason == "dependency_dismissed"
    assert world.change(Kind.CUSTOMER, "7").state is State.CLOSED


def test_an_invoice_that_needed_a_person_follows_its_customer_after_all(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"))
    world.receive(Kind.CUSTOMER, "7")
    world.run()
    close(world, Kind.CUSTOMER, "7")
    put_invoices(world, "1", "2")
    world.receive(Kind.INVOICE, "1", "2")
    world.run()
    world.moment.put(factories.customer("7"))
    retry(world, Kind.CUSTOMER, "7")
    world.run()
    assert [world.change(Kind.INVOICE, each).outcome for each in "12"] == [Outcome.SYNCED] * 2
    assert [turn for turn, title in world.mails() if title == "Invoice 1"] == ["worse", "better"]


def test_it_follows_also_where_nobody_woke_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    with monkeypatch.context() as crashed:
        crashed.setattr(waiting, "wake", lambda *_, **__: set())
        world.moment.put(factories.customer("7"))
        world.receive(Kind.CUSTOMER, "7")
        world.run()
    waiting.wake_arrived(world.database, now=world.now)
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED


def test_where_nobody_said_that_its_customer_is_gone_an_invoice_finds_out_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    with monkeypatch.context() as crashed:
        crashed.setattr(waiting, "end_wait", lambda *_, **__: set())
        world.run()
    assert world.change(Kind.INVOICE, "9").state is State.WAITING
    world.later(minutes=10)
    world.run()
    assert world.change(Kind.INVOICE, "9").reason == "dependency_gone"
    assert attempts(world, Kind.CUSTOMER, "7") == 1


def test_trying_an_invoice_again_looks_at_its_customer_again(world: World) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    world.moment.put(factories.customer("7"))
    retry(world, Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED


def test_sending_an_invoice_from_the_books_looks_at_its_customer_again_too(world: World) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    world.moment.put(factories.customer("7"))
    record = Record(Kind.INVOICE, "9")
    mending.send(world.database, world.connection.id, record, name="Invoice 9", who="kari", now=world.now)
    world.later(minutes=2)  # it is uncertain by that, and looked for when a call could have ended
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_who_was_gone_once_is_looked_at_again_for_a_new_invoice(world: World) -> None:
    world.receive(Kind.CUSTOMER, "7")
    world.run()
    assert world.change(Kind.CUSTOMER, "7").reason == "gone"
    world.moment.put(factories.customer("7"))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_who_comes_across_during_an_attempt_is_not_called_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.moment.put(factories.customer("7", name=""))
    put_invoices(world, "1", "2")
    world.receive(Kind.INVOICE, "1", "2")
    world.run()
    world.later(minutes=10)
    read = world.moment.invoice

    def slowly(record_id: str) -> Invoice | None:
        if record_id == "2":  # by now the attempt at the first has seen that the customer has no link
            world.moment.put(factories.customer("7"))
            world.receive(Kind.CUSTOMER, "7")
            world.drain(Kind.CUSTOMER)
        return read(record_id)

    monkeypatch.setattr(world.moment, "invoice", slowly)
    world.drain(Kind.INVOICE)
    assert world.change(Kind.INVOICE, "1").state is State.WAITING
    waiting.wake_arrived(world.database, now=world.now)
    world.run()
    assert world.change(Kind.INVOICE, "1").outcome is Outcome.SYNCED
    assert ("worse", "Invoice 1") not in world.mails()


def test_where_customers_do_not_travel_any_more_what_waited_uses_moments_number(world: World) -> None:
    world.moment.put(factories.customer("7", name="", number="555"))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    world.change_settings(kinds=["invoice"])
    pass_by(world, hours=1)
    (voucher,) = world.erp.vouchers.values()
    assert voucher.entries[0].customer_number == 555


@pytest.mark.parametrize("because", [changes.HANDLED, changes.UNWANTED])
def test_what_a_person_opened_again_is_not_sent_by_a_link_that_came_meanwhile(world: World, because: str) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.INVOICE, "9").reason == "dependency_gone"
    changes.close(world.database, chosen(world, Kind.INVOICE, "9"), because=because, who="kari", now=world.now)
    come_across(world, "7")
    changes.reopen(world.database, chosen(world, Kind.INVOICE, "9"), who="ola", now=world.now)
    sweep(world)
    assert world.change(Kind.INVOICE, "9").state is State.STUCK
    assert world.erp.vouchers == {}


def test_what_was_posted_by_hand_is_found_when_it_is_opened_and_tried_again(world: World) -> None:
    world.change_settings(voucher_number="series")  # or 24SevenOffice would refuse a second one
    put_invoices(world, "9")
    come_across(world, "7")
    world.receive(Kind.INVOICE, "9")
    world.run()
    close_as_handled_without_link(world, "9")
    changes.reopen(world.database, chosen(world, Kind.INVOICE, "9"), who="ola", now=world.now)
    world.later(minutes=2)
    retry(world, Kind.INVOICE, "9")
    world.later(minutes=2)
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED
    assert len(world.erp.vouchers) == 1


def test_what_a_person_closed_while_it_waited_stays_closed_when_its_customer_comes(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    close(world, Kind.INVOICE, "9")
    world.moment.put(factories.customer("7"))
    retry(world, Kind.CUSTOMER, "7")
    world.run()
    sweep(world)
    assert world.change(Kind.INVOICE, "9").state is State.CLOSED
    assert world.erp.vouchers == {}


def test_the_link_of_another_company_ends_nobodys_wait(world: World) -> None:
    other, _ = world.connections.add("Other AS", factories.settings(), who="test", now=world.now)
    links.save(world.database, other.id, Record(Kind.CUSTOMER, "7"), Link("555"), now=world.now)
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    sweep(world)
    assert world.change(Kind.INVOICE, "9").reason == "dependency_gone"
    assert attempts(world, Kind.INVOICE, "9") == 2


def test_a_project_given_to_another_customer_has_that_one_looked_at(world: World) -> None:
    world.receive(Kind.CUSTOMER, "70")
    world.run()
    assert world.change(Kind.CUSTOMER, "70").reason == "gone"
    world.moment.put(factories.customer("7", name=""))
    world.moment.put(factories.project("8"))
    world.receive(Kind.PROJECT, "8")
    world.run()
    world.moment.put(factories.customer("70", name="Another AS"))
    world.moment.put(factories.project("8", customer_id="70"))
    world.later(minutes=10)
    world.run()
    assert world.change(Kind.PROJECT, "8").outcome is Outcome.SYNCED


def test_what_was_not_tried_goes_on_waiting_for_the_same_record(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    put_invoices(world, "1", "2")
    world.receive(Kind.INVOICE, "1", "2")
    world.run()
    world.later(minutes=10)
    world.moment.fails_before["invoice"] = [Unavailable("It is away.")]
    world.drain(Kind.INVOICE)
    assert waits_for(world, Kind.INVOICE, "2") == "7"


def test_an_invoice_told_of_again_has_its_customer_looked_at_again(world: World) -> None:
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    world.moment.put(factories.customer("7"))
    world.receive(Kind.INVOICE, "9")
    world.run()
    assert world.change(Kind.INVOICE, "9").outcome is Outcome.SYNCED


def test_what_a_link_has_woken_waits_for_nothing_any_more(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    put_invoices(world, "9")
    world.receive(Kind.INVOICE, "9")
    world.run()
    world.moment.put(factories.customer("7"))
    world.receive(Kind.CUSTOMER, "7")
    world.drain(Kind.CUSTOMER)
    assert waits_for(world, Kind.INVOICE, "9") is None


def come_across(world: World, record_id: str) -> None:
    world.moment.put(factories.customer(record_id))
    world.receive(Kind.CUSTOMER, record_id)
    world.drain(Kind.CUSTOMER)


def sweep(world: World) -> None:
    world.later(seconds=30)
    waiting.wake_arrived(world.database, now=world.now)
    world.run()


def close_as_handled_without_link(world: World, record_id: str) -> None:
    """Let it be as if a person had posted the voucher: it is there, and no link says so."""
    links.remove(world.database, world.connection.id, Record(Kind.INVOICE, record_id))
    row = ChangeRow.id == world.change(Kind.INVOICE, record_id).id
    with world.database.transaction() as session:
        session.execute(update(ChangeRow).where(row).values(state=State.STUCK, stuck_since=world.now))
    changes.close(
        world.database, chosen(world, Kind.INVOICE, record_id), because=changes.HANDLED, who="kari", now=world.now
    )


def waits_for(world: World, kind: Kind, record_id: str) -> str | None:
    query = select(ChangeRow.waits_for_id).where(ChangeRow.kind == kind, ChangeRow.record_id == record_id)
    with world.database.transaction() as session:
        return session.scalar(query)
