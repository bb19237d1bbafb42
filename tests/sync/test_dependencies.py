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
from tests.sync.conftest import SyncHarness

GONE = "This {} no longer exists in Moment."


def put_invoices(harness: SyncHarness, *record_ids: str) -> None:
    """Finalize invoices to customer 7, which Moment does not have unless a test adds it."""
    for record_id in record_ids:
        harness.moment.put(factories.invoice(record_id, number=int(record_id), project_id=""))


def post(harness: SyncHarness, *record_ids: str) -> None:
    put_invoices(harness, *record_ids)
    harness.sync(EntityType.INVOICE, *record_ids)


def dismiss(harness: SyncHarness, entity_type: EntityType, record_id: str) -> None:
    job_actions.dismiss(
        harness.database,
        harness.only(entity_type, record_id),
        because=job_actions.SKIPPED_PERMANENTLY,
        actor="kari",
        now=harness.now,
    )


def attempts(harness: SyncHarness, entity_type: EntityType, record_id: str) -> int:
    return len(job_details.attempts(harness.database, harness.job(entity_type, record_id).id))


def let_time_pass(harness: SyncHarness, *, hours: int) -> None:
    """Let time pass, and run due jobs every few minutes."""
    for _ in range(hours * 12):
        harness.run_after(minutes=5)


@pytest.mark.parametrize(
    ("there", "gone", "what"),
    [
        ([], "Customer 7", GONE.format("customer")),
        ([factories.customer("7")], "Project 8", GONE.format("project")),
    ],
)
def test_an_invoice_whose_customer_or_project_is_gone_needs_attention_at_once(
    harness: SyncHarness, there: list[Customer], gone: str, what: str
) -> None:
    harness.moment.put(factories.invoice("9"))
    for customer in there:
        harness.moment.put(customer)
    harness.sync(EntityType.INVOICE, "9")
    invoice = harness.job(EntityType.INVOICE, "9")
    assert (invoice.state, invoice.error_code) == (JobState.NEEDS_ATTENTION, "dependency_gone")
    assert invoice.message == f"{gone} in Moment must sync first but can't: {what}"
    assert harness.mails() == [("needs_attention", "Invoice 1")]


def test_a_project_whose_customer_is_gone_needs_attention_and_its_invoice_waits(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("8"), factories.customer("70"), factories.invoice("9", customer_id="70"))
    harness.sync(EntityType.INVOICE, "9")
    assert harness.job(EntityType.PROJECT, "8").error_code == "dependency_gone"
    assert harness.job(EntityType.INVOICE, "9").state is JobState.WAITING
    assert harness.mails() == [("needs_attention", "Project 1")]


def test_many_invoices_of_a_customer_who_is_gone_are_tried_twice_each_and_no_more(harness: SyncHarness) -> None:
    post(harness, *map(str, range(1, 26)))
    let_time_pass(harness, hours=24)
    assert {attempts(harness, EntityType.INVOICE, str(n)) for n in range(1, 26)} == {2}
    assert attempts(harness, EntityType.CUSTOMER, "7") == 2  # once for each batch


def test_an_invoice_is_tried_six_times_an_hour_while_its_customer_needs_attention(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name=""))
    post(harness, "9")
    before = attempts(harness, EntityType.INVOICE, "9")
    let_time_pass(harness, hours=3)
    assert attempts(harness, EntityType.INVOICE, "9") - before == 18
    assert attempts(harness, EntityType.CUSTOMER, "7") == 1
    assert harness.mails() == [("needs_attention", "Customer 7")]


def test_an_invoice_whose_customer_is_dismissed_needs_attention_too(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="Refused AS"))
    post(harness, "9")
    dismiss(harness, EntityType.CUSTOMER, "7")
    let_time_pass(harness, hours=1)
    invoice = harness.job(EntityType.INVOICE, "9")
    assert (invoice.state, invoice.error_code) == (JobState.NEEDS_ATTENTION, "dependency_dismissed")
    assert invoice.message == (
        "Customer Refused AS must sync first but was dismissed: Skipped permanently (kari)."
    )
    tried = attempts(harness, EntityType.INVOICE, "9")
    let_time_pass(harness, hours=24)
    assert attempts(harness, EntityType.INVOICE, "9") == tried


def test_a_new_invoice_of_a_dismissed_customer_needs_attention_at_once(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", name="Refused AS"))
    dismiss(harness, EntityType.CUSTOMER, "7")
    post(harness, "9")
    assert harness.job(EntityType.INVOICE, "9").error_code == "dependency_dismissed"
    assert harness.job(EntityType.CUSTOMER, "7").state is JobState.DISMISSED


def test_an_invoice_that_needed_attention_follows_its_customer_after_all(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.customer("7", name="Refused AS"))
    dismiss(harness, EntityType.CUSTOMER, "7")
    post(harness, "1", "2")
    harness.moment.put(factories.customer("7"))
    harness.retry(EntityType.CUSTOMER, "7")
    harness.run()
    assert [harness.job(EntityType.INVOICE, each).outcome for each in "12"] == [Outcome.SYNCED] * 2
    assert [turn for turn, title in harness.mails() if title == "Invoice 1"] == ["needs_attention", "resolved"]


def test_an_invoice_follows_its_customer_even_if_it_was_not_woken(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(harness, "9")
    with monkeypatch.context() as crashed:
        crashed.setattr(dependencies, "wake", lambda *_, **__: set())
        harness.put_and_sync(factories.customer("7"))
    dependencies.wake_satisfied(harness.database, now=harness.now)
    harness.run()
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_an_invoice_finds_out_itself_that_its_customer_is_gone(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_invoices(harness, "9")
    harness.receive(EntityType.INVOICE, "9")
    with monkeypatch.context() as crashed:
        crashed.setattr(dependencies, "end_wait", lambda *_, **__: set())
        harness.run()
    assert harness.job(EntityType.INVOICE, "9").state is JobState.WAITING
    harness.run_after(minutes=10)
    assert harness.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    assert attempts(harness, EntityType.CUSTOMER, "7") == 1


def test_retrying_an_invoice_reads_its_customer_again(harness: SyncHarness) -> None:
    post(harness, "9")
    harness.moment.put(factories.customer("7"))
    harness.retry(EntityType.INVOICE, "9")
    harness.run()
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_sending_an_invoice_from_the_reconciliation_reads_its_customer_again(harness: SyncHarness) -> None:
    post(harness, "9")
    harness.moment.put(factories.customer("7"))
    record = Record(EntityType.INVOICE, "9")
    discrepancies.resend(
        harness.database, harness.connection.id, record, name="Invoice 9", actor="kari", now=harness.now
    )
    harness.run_after(minutes=2)  # its outcome is unknown now, and verified when a call could have ended
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_once_gone_is_read_again_for_a_new_invoice(harness: SyncHarness) -> None:
    harness.sync(EntityType.CUSTOMER, "7")
    assert harness.job(EntityType.CUSTOMER, "7").error_code == "gone"
    harness.moment.put(factories.customer("7"))
    post(harness, "9")
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_customer_who_is_synced_during_an_attempt_is_not_called_gone(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.moment.put(factories.customer("7", name=""))
    post(harness, "1", "2")
    harness.later(minutes=10)
    read = harness.moment.invoice

    def slowly(record_id: str) -> Invoice | None:
        if record_id == "2":  # the attempt at the first has seen that the customer has no link
            harness.moment.put(factories.customer("7"))
            harness.receive(EntityType.CUSTOMER, "7")
            harness.drain(EntityType.CUSTOMER)
        return read(record_id)

    monkeypatch.setattr(harness.moment, "invoice", slowly)
    harness.drain(EntityType.INVOICE)
    assert harness.job(EntityType.INVOICE, "1").state is JobState.WAITING
    dependencies.wake_satisfied(harness.database, now=harness.now)
    harness.run()
    assert harness.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED
    assert ("needs_attention", "Invoice 1") not in harness.mails()


def test_if_customers_are_no_longer_synced_waiting_jobs_use_moments_number(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="", number="555"))
    post(harness, "9")
    harness.change_settings(entity_types=["invoice"])
    harness.erp.companies[555] = Company(555, "Nordlys")
    let_time_pass(harness, hours=1)
    (voucher,) = harness.erp.vouchers.values()
    assert voucher.entries[0].customer_number == 555


@pytest.mark.parametrize("because", [job_actions.RESOLVED_MANUALLY, job_actions.SKIPPED_PERMANENTLY])
def test_a_link_made_meanwhile_does_not_send_a_reopened_job(harness: SyncHarness, because: str) -> None:
    post(harness, "9")
    assert harness.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    job_actions.dismiss(
        harness.database, harness.only(EntityType.INVOICE, "9"), because=because, actor="kari", now=harness.now
    )
    sync_customer(harness, "7")
    job_actions.reopen(harness.database, harness.only(EntityType.INVOICE, "9"), actor="ola", now=harness.now)
    wake_satisfied_and_run(harness)
    assert harness.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION
    assert harness.erp.vouchers == {}


def test_an_invoice_posted_by_hand_is_found_when_reopened_and_retried(harness: SyncHarness) -> None:
    harness.change_settings(voucher_number="series")  # or 24SevenOffice would refuse a second one
    put_invoices(harness, "9")
    sync_customer(harness, "7")
    harness.sync(EntityType.INVOICE, "9")
    resolve_without_link(harness, "9")
    job_actions.reopen(harness.database, harness.only(EntityType.INVOICE, "9"), actor="ola", now=harness.now)
    harness.later(minutes=2)
    harness.retry(EntityType.INVOICE, "9")
    harness.run_after(minutes=2)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert len(harness.erp.vouchers) == 1


def test_a_job_dismissed_while_waiting_stays_dismissed(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name=""))
    post(harness, "9")
    dismiss(harness, EntityType.INVOICE, "9")
    harness.moment.put(factories.customer("7"))
    harness.retry(EntityType.CUSTOMER, "7")
    harness.run()
    wake_satisfied_and_run(harness)
    assert harness.job(EntityType.INVOICE, "9").state is JobState.DISMISSED
    assert harness.erp.vouchers == {}


def test_another_companys_link_ends_no_wait(harness: SyncHarness) -> None:
    other, _ = harness.connections.add(
        "Other AS", factories.settings(moment_company="other-as"), actor="test", now=harness.now
    )
    links.save(harness.database, other.id, Record(EntityType.CUSTOMER, "7"), Link("555"), now=harness.now)
    post(harness, "9")
    wake_satisfied_and_run(harness)
    assert harness.job(EntityType.INVOICE, "9").error_code == "dependency_gone"
    assert attempts(harness, EntityType.INVOICE, "9") == 2


def test_a_project_moved_to_another_customer_syncs_that_one(harness: SyncHarness) -> None:
    harness.sync(EntityType.CUSTOMER, "70")
    assert harness.job(EntityType.CUSTOMER, "70").error_code == "gone"
    harness.moment.put(factories.customer("7", name=""), factories.project("8"))
    harness.sync(EntityType.PROJECT, "8")
    harness.moment.put(factories.customer("70", name="Another AS"), factories.project("8", customer_id="70"))
    harness.run_after(minutes=10)
    assert harness.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


def test_an_untried_job_keeps_waiting_for_the_same_record(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name=""))
    post(harness, "1", "2")
    harness.later(minutes=10)
    harness.moment.fails_before["invoice"] = [UnavailableError("It is away.")]
    harness.drain(EntityType.INVOICE)
    assert dependency_of(harness, EntityType.INVOICE, "2") == "7"


def test_an_invoice_received_again_reads_its_customer_again(harness: SyncHarness) -> None:
    post(harness, "9")
    harness.moment.put(factories.customer("7"))
    harness.sync(EntityType.INVOICE, "9")
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED


def test_a_job_woken_by_a_link_no_longer_waits(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name=""))
    post(harness, "9")
    harness.moment.put(factories.customer("7"))
    harness.receive(EntityType.CUSTOMER, "7")
    harness.drain(EntityType.CUSTOMER)
    assert dependency_of(harness, EntityType.INVOICE, "9") is None


def sync_customer(harness: SyncHarness, record_id: str) -> None:
    harness.moment.put(factories.customer(record_id))
    harness.receive(EntityType.CUSTOMER, record_id)
    harness.drain(EntityType.CUSTOMER)


def wake_satisfied_and_run(harness: SyncHarness) -> None:
    harness.later(seconds=30)
    dependencies.wake_satisfied(harness.database, now=harness.now)
    harness.run()


def resolve_without_link(harness: SyncHarness, record_id: str) -> None:
    """Simulate that a person posted the voucher: it exists, and no link leads to it."""
    with harness.database.transaction() as session:
        links.remove(session, harness.connection.id, Record(EntityType.INVOICE, record_id))
    row = SyncJobRow.id == harness.job(EntityType.INVOICE, record_id).id
    with harness.database.transaction() as session:
        session.execute(
            update(SyncJobRow).where(row).values(state=JobState.NEEDS_ATTENTION, needs_attention_since=harness.now)
        )
    job_actions.dismiss(
        harness.database,
        harness.only(EntityType.INVOICE, record_id),
        because=job_actions.RESOLVED_MANUALLY,
        actor="kari",
        now=harness.now,
    )


def dependency_of(harness: SyncHarness, entity_type: EntityType, record_id: str) -> str | None:
    query = select(SyncJobRow.dependency_id).where(
        SyncJobRow.entity_type == entity_type, SyncJobRow.record_id == record_id
    )
    with harness.database.transaction() as session:
        return session.scalar(query)
