"""Records whose customer or project is never synced."""

import pytest
from sqlalchemy import select, update

from models.admin import discrepancies, job_actions, job_details
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import dependencies, links
from models.inbox.links import Link
from models.schema.tables import SyncJobRow
from sync.errors import UnavailableError
from sync.records import Company, Customer, Invoice
from tests import factories
from tests.sync.conftest import World

GONE = "This {} no longer exists in Moment."


def put_invoices(world: World, *record_ids: str) -> None:
    """Finalize invoices to customer 7, which Moment does not have unless a test adds it."""
    for record_id in record_ids:
        world.moment.put(factories.invoice(record_id, number=int(record_id), project_id=""))


def post(world: World, *record_ids: str) -> None:
    put_invoices(world, *record_ids)
    world.sync(EntityType.INVOICE, *record_ids)


def close(world: World, entity_type: EntityType, record_id: str) -> None:
    job_actions.dismiss(
        world.database,
        world.only(entity_type, record_id),
        because=job_actions.SKIPPED_PERMANENTLY,
        actor="kari",
        now=world.now,
    )


def attempts(world: World, entity_type: EntityType, record_id: str) -> int:
    return len(job_details.attempts(world.database, world.job(entity_type, record_id).id))


def pass_by(world: World, *, hours: int) -> None:
    """Let time pass, and run due jobs every few minutes."""
    for _ in range(hours * 12):
        world.run_after(minutes=5)


@pytest.mark.parametrize(
    ("there", "gone", "what"),
    [
        ([], "Customer 7", GONE.format("customer")),
        ([factories.customer("7")], "Project 8", GONE.format("project")),
    ],
)
def test_an_invoice_whose_customer_or_project_is_gone_needs_attention_at_once(
    world: World, there: list[Customer], gone: str, what: str
) -> None:
    world.moment.put(factories.invoice("9"))
    for customer in there:
        world.moment.put(customer)
    world.sync(EntityType.INVOICE, "9")
    invoice = world.job(EntityType.INVOICE, "9")
    assert (invoice.state, invoice.error_code) == (JobState.NEEDS_ATTENTION, "dependency_gone")
    assert invoice.message == f"{gone} in Moment must sync first but can't: {what}"
    assert world.mails() == [("needs_attention", "Invoice 1")]


def test_a_project_whose_customer_is_gone_needs_attention_and_its_invoice_waits(world: World) -> None:
    world.moment.put(factories.project("8"), factories.customer("70"), factories.invoice("9", customer_id="70"))
    world.sync(EntityType.INVOICE, "9")
    assert world.job(EntityType.PROJECT, "8").error_code == "dependency_gone"
    assert world.job(EntityType.INVOICE, "9").state is JobState.WAITING
    assert world.mails() == [("needs_attention", "Project 1")]


def test_many_invoices_of_a_customer_who_is_gone_are_tried_twice_each_and_no_more(world: World) -> None:
    post(world, *map(str, range(1, 26)))
    pass_by(world, hours=24)
    assert {attempts(world, EntityType.INVOICE, str(n)) for n in range(1, 26)} == {2}
    assert attempts(world, EntityType.CUSTOMER, "7") == 2  # once for each batch


def test_an_invoice_is_tried_six_times_an_hour_while_its_customer_needs_attention(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    post(world, "9")
    before = attempts(world, EntityType.INVOICE, "9")
    pass_by(world, hours=3)
    assert attempts(world, EntityType.INVOICE, "9") - before == 18
    assert attempts(world, EntityType.CUSTOMER, "7") == 1
    assert world.mails() == [("needs_attention", "Customer 7")]


def test_an_invoice_whose_customer_is_dismissed_needs_attention_too(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"))
    post(world, "9")
    close(world, EntityType.CUSTOMER, "7")
    pass_by(world, hours=1)
    invoice = world.job(EntityType.INVOICE, "9")
    assert (invoice.state, invoice.error_code) == (JobState.NEEDS_ATTENTION, "dependency_dismissed")
    assert invoice.message == (
        "Customer Refused AS must sync first but was dismissed: Skipped permanently (kari)."
    )
    tried = attempts(world, EntityType.INVOICE, "9")
    pass_by(world, hours=24)
    assert attempts(world, EntityType.INVOICE, "9") == tried


def test_a_new_invoice_of_a_dismissed_customer_needs_attention_at_once(world: World) -> None:
    world.put_and_sync(factories.customer("7", name="Refused AS"))
    close(world, EntityType.CUSTOMER, "7")
    post(world, "9")
    assert world.job(EntityType.INVOICE, "9").error_code == "dependency_dismissed"
    assert world.job(EntityType.CUSTOMER, "7").state is JobState.DISMISSED


def test_an_invoice_that_needed_attention_follows_its_customer_after_all(world: World) -> None:
    world.put_and_sync(factories.customer("7", name="Refused AS"))
    close(world, EntityType.CUSTOMER, "7")
    post(world, "1", "2")
    world.moment.put(factories.customer("7"))
    world.retry(EntityType.CUSTOMER, "7")
    world.run()
    assert [world.job(EntityType.INVOICE, each).outcome for each in "12"] == [Outcome.SYNCED] * 2
    assert [turn for turn, title in world.mails() if title == "Invoice 1"] == ["needs_attention", "resolved"]


def test_it_follows_even_if_it_was_not_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    post(world, "9")
    with monkeypatch.context() as crashed:
        crashed.setattr(dependencies, "wake", lambda *_, **__: set())
        world.put_and_sync(factories.customer("7"))
    dependencies.wake_satisfied(world.database, now=world.now)
    world.run()
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_an_invoice_finds_out_itself_that_its_customer_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_invoices(world, "9")
    world.receive(EntityType.INVOICE, "9")
    with monkeypatch.context() as crashed:
        crashed.setattr(dependencies, "end_wait", lambda *_, **__: set())
        world.run()
    assert world.job(EntityType.INVOICE, "9").state is JobState.WAITING
    world.run_after(minutes=10)
    assert world.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    assert attempts(world, EntityType.CUSTOMER, "7") == 1


def test_retrying_an_invoice_reads_its_customer_again(world: World) -> None:
    post(world, "9")
    world.moment.put(factories.customer("7"))
    world.retry(EntityType.INVOICE, "9")
    world.run()
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_sending_an_invoice_from_the_reconciliation_reads_its_customer_again(world: World) -> None:
    post(world, "9")
    world.moment.put(factories.customer("7"))
    record = Record(EntityType.INVOICE, "9")
    discrepancies.resend(
        world.database, world.connection.id, record, name="Invoice 9", actor="kari", now=world.now
    )
    world.run_after(minutes=2)  # its outcome is unknown now, and verified when a call could have ended
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_once_gone_is_read_again_for_a_new_invoice(world: World) -> None:
    world.sync(EntityType.CUSTOMER, "7")
    assert world.job(EntityType.CUSTOMER, "7").error_code == "gone"
    world.moment.put(factories.customer("7"))
    post(world, "9")
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_who_is_synced_during_an_attempt_is_not_called_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.moment.put(factories.customer("7", name=""))
    post(world, "1", "2")
    world.later(minutes=10)
    read = world.moment.invoice

    def slowly(record_id: str) -> Invoice | None:
        if record_id == "2":  # the attempt at the first has seen that the customer has no link
            world.moment.put(factories.customer("7"))
            world.receive(EntityType.CUSTOMER, "7")
            world.drain(EntityType.CUSTOMER)
        return read(record_id)

    monkeypatch.setattr(world.moment, "invoice", slowly)
    world.drain(EntityType.INVOICE)
    assert world.job(EntityType.INVOICE, "1").state is JobState.WAITING
    dependencies.wake_satisfied(world.database, now=world.now)
    world.run()
    assert world.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED
    assert ("needs_attention", "Invoice 1") not in world.mails()


def test_if_customers_are_no_longer_synced_waiting_jobs_use_moments_number(world: World) -> None:
    world.moment.put(factories.customer("7", name="", number="555"))
    post(world, "9")
    world.change_settings(entity_types=["invoice"])
    world.erp.companies[555] = Company(555, "Nordlys")
    pass_by(world, hours=1)
    (voucher,) = world.erp.vouchers.values()
    assert voucher.entries[0].customer_number == 555


@pytest.mark.parametrize("because", [job_actions.RESOLVED_MANUALLY, job_actions.SKIPPED_PERMANENTLY])
def test_a_link_made_meanwhile_does_not_send_a_reopened_job(world: World, because: str) -> None:
    post(world, "9")
    assert world.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    job_actions.dismiss(
        world.database, world.only(EntityType.INVOICE, "9"), because=because, actor="kari", now=world.now
    )
    come_across(world, "7")
    job_actions.reopen(world.database, world.only(EntityType.INVOICE, "9"), actor="ola", now=world.now)
    wake_satisfied_and_run(world)
    assert world.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION
    assert world.erp.vouchers == {}


def test_an_invoice_posted_by_hand_is_found_when_reopened_and_retried(world: World) -> None:
    world.change_settings(voucher_number="series")  # or 24SevenOffice would refuse a second one
    put_invoices(world, "9")
    come_across(world, "7")
    world.sync(EntityType.INVOICE, "9")
    close_as_handled_without_link(world, "9")
    job_actions.reopen(world.database, world.only(EntityType.INVOICE, "9"), actor="ola", now=world.now)
    world.later(minutes=2)
    world.retry(EntityType.INVOICE, "9")
    world.run_after(minutes=2)
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert len(world.erp.vouchers) == 1


def test_a_job_dismissed_while_waiting_stays_dismissed(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    post(world, "9")
    close(world, EntityType.INVOICE, "9")
    world.moment.put(factories.customer("7"))
    world.retry(EntityType.CUSTOMER, "7")
    world.run()
    wake_satisfied_and_run(world)
    assert world.job(EntityType.INVOICE, "9").state is JobState.DISMISSED
    assert world.erp.vouchers == {}


def test_another_companys_link_ends_no_wait(world: World) -> None:
    other, _ = world.connections.add(
        "Other AS", factories.settings(moment_company="other-as"), actor="test", now=world.now
    )
    links.save(world.database, other.id, Record(EntityType.CUSTOMER, "7"), Link("555"), now=world.now)
    post(world, "9")
    wake_satisfied_and_run(world)
    assert world.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    assert attempts(world, EntityType.INVOICE, "9") == 2


def test_a_project_moved_to_another_customer_syncs_that_one(world: World) -> None:
    world.sync(EntityType.CUSTOMER, "70")
    assert world.job(EntityType.CUSTOMER, "70").error_code == "gone"
    world.moment.put(factories.customer("7", name=""), factories.project("8"))
    world.sync(EntityType.PROJECT, "8")
    world.moment.put(factories.customer("70", name="Another AS"), factories.project("8", customer_id="70"))
    world.run_after(minutes=10)
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


def test_an_untried_job_keeps_waiting_for_the_same_record(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    post(world, "1", "2")
    world.later(minutes=10)
    world.moment.fails_before["invoice"] = [UnavailableError("It is away.")]
    world.drain(EntityType.INVOICE)
    assert dependency_of(world, EntityType.INVOICE, "2") == "7"


def test_an_invoice_received_again_reads_its_customer_again(world: World) -> None:
    post(world, "9")
    world.moment.put(factories.customer("7"))
    world.sync(EntityType.INVOICE, "9")
    assert world.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_job_woken_by_a_link_no_longer_waits(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    post(world, "9")
    world.moment.put(factories.customer("7"))
    world.receive(EntityType.CUSTOMER, "7")
    world.drain(EntityType.CUSTOMER)
    assert dependency_of(world, EntityType.INVOICE, "9") is None


def come_across(world: World, record_id: str) -> None:
    world.moment.put(factories.customer(record_id))
    world.receive(EntityType.CUSTOMER, record_id)
    world.drain(EntityType.CUSTOMER)


def wake_satisfied_and_run(world: World) -> None:
    world.later(seconds=30)
    dependencies.wake_satisfied(world.database, now=world.now)
    world.run()


def close_as_handled_without_link(world: World, record_id: str) -> None:
    """Simulate that a person posted the voucher: it exists, and no link leads to it."""
    with world.database.transaction() as session:
        links.remove(session, world.connection.id, Record(EntityType.INVOICE, record_id))
    row = SyncJobRow.id == world.job(EntityType.INVOICE, record_id).id
    with world.database.transaction() as session:
        session.execute(
            update(SyncJobRow).where(row).values(state=JobState.NEEDS_ATTENTION, needs_attention_since=world.now)
        )
    job_actions.dismiss(
        world.database,
        world.only(EntityType.INVOICE, record_id),
        because=job_actions.RESOLVED_MANUALLY,
        actor="kari",
        now=world.now,
    )


def dependency_of(world: World, entity_type: EntityType, record_id: str) -> str | None:
    query = select(SyncJobRow.dependency_id).where(
        SyncJobRow.entity_type == entity_type, SyncJobRow.record_id == record_id
    )
    with world.database.transaction() as session:
        return session.scalar(query)
