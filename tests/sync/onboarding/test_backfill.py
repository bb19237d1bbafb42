from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from models.admin import job_actions, job_details, job_list
from models.admin.job_filter import JobFilter
from models.enums import EntityType, JobState, Record
from models.inbox import links
from sync.onboarding.backfill import Backfill, BackfillProgress
from sync.onboarding.preview import PlannedAction
from sync.records import Customer, Entry, ExportStatus, Voucher
from tests import factories
from tests.sync.conftest import SyncHarness

FIRST, LAST = date(2026, 1, 1), date(2026, 10, 31)
NINTH = Record(EntityType.INVOICE, "9")


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    """A firm with a synced customer and project."""
    harness.begin()
    return harness


def period(harness: SyncHarness) -> Backfill:
    return Backfill(harness.open_context(harness.connection, lambda: None), FIRST, LAST)


def put(harness: SyncHarness) -> None:
    """Enqueue the invoices of the period, and let workers sync them."""
    backfill = period(harness)
    backfill.enqueue(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    harness.run()


def planned_actions(harness: SyncHarness) -> list[PlannedAction]:
    backfill = period(harness)
    return [each.action for each in backfill.plan(EntityType.INVOICE, backfill.records(EntityType.INVOICE))]


def post_by_hand(
    harness: SyncHarness, *, amount: int = 125000, customer: int = 10001, day: date = date(2026, 3, 2)
) -> None:
    entries = (Entry(1500, amount, customer), Entry(3000, -amount, customer))
    harness.erp.vouchers[2026, 1] = Voucher(1, 1, day, day, entries)


def test_the_invoices_of_the_period_are_posted_the_oldest_first(harness: SyncHarness) -> None:
    for number, day in ((1, date(2025, 12, 31)), (2, LAST), (3, FIRST), (4, date(2026, 11, 1))):
        harness.moment.put(factories.invoice(str(8 + number), number=number, day=day))
    assert [record.id for record in period(harness).records(EntityType.INVOICE)] == ["11", "10"]
    put(harness)
    assert sorted(harness.erp.vouchers) == [(2026, 2), (2026, 3)]


def test_invoices_in_the_ledger_are_linked_and_not_posted(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("9"))
    post_by_hand(harness)
    assert planned_actions(harness) == [PlannedAction.LINK]
    put(harness)
    assert len(harness.erp.vouchers) == 1
    assert harness.erp.calls["post"] == 0
    assert links.find(harness.database, harness.connection.id, NINTH) == links.Link("2026/1")


def test_invoices_that_differ_in_the_ledger_are_left_to_a_person(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("9"))
    post_by_hand(harness, amount=99900)
    assert planned_actions(harness) == [PlannedAction.ASK]
    put(harness)
    assert harness.erp.calls["post"] == 0
    assert (harness.job(EntityType.INVOICE, "9").state, harness.job(EntityType.INVOICE, "9").error_code) == (
        JobState.NEEDS_ATTENTION,
        "differs",
    )
    assert len(harness.mails()) == 1


def test_an_invoice_posted_on_another_day_of_the_year_is_found_too(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("9"))
    post_by_hand(harness, day=date(2026, 12, 30))
    assert planned_actions(harness) == [PlannedAction.ASK]


def test_an_invoice_with_an_unsynced_customer_is_compared_later(harness: SyncHarness) -> None:
    harness.moment.put(stranger("70", name="Fjord AS"), factories.invoice("9", customer_id="70"))
    post_by_hand(harness, customer=10002)
    assert planned_actions(harness) == [PlannedAction.ASK]
    put(harness)
    assert len(harness.erp.vouchers) == 1
    assert harness.job(EntityType.INVOICE, "9").state is JobState.DONE


def test_drafts_posted_since_are_compared_too(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    harness.moment.put(factories.invoice("9"))
    post_by_hand(harness, amount=99900)
    put(harness)
    assert harness.job(EntityType.INVOICE, "9").error_code == "differs"


def test_invoices_in_a_locked_year_are_linked_silently(harness: SyncHarness) -> None:
    harness.erp.years = [replace(year, locked=True) for year in harness.erp.years]
    harness.moment.put(factories.invoice("9"))
    post_by_hand(harness)
    assert planned_actions(harness) == [PlannedAction.LINK]


def test_invoices_transferred_or_excluded_in_moment_are_left_alone(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("9", export_status=ExportStatus.TRANSFERRED))
    harness.moment.put(factories.invoice("10", number=2, export_status=ExportStatus.DO_NOT_TRANSFER))
    assert planned_actions(harness) == [PlannedAction.SKIP, PlannedAction.SKIP]
    put(harness)
    assert {view.record.entity_type for view in job_list.latest(harness.database, JobFilter())} == {
        EntityType.CUSTOMER,
        EntityType.PROJECT,
    }


def test_invoices_that_would_be_refused_are_shown(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("9", total=Decimal(1)))
    assert planned_actions(harness) == [PlannedAction.REJECT]
    put(harness)
    assert harness.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION


def test_a_refused_invoice_in_the_ledger_is_not_posted_once_corrected(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("80", number="A-1"), factories.invoice("9", project_id="80"))
    post_by_hand(harness)
    assert planned_actions(harness) == [PlannedAction.ASK]
    put(harness)
    harness.put_and_sync(factories.project("80", number="2"))
    assert harness.job(EntityType.INVOICE, "9").state is JobState.DONE
    assert harness.erp.calls["post"] == 0


def test_synced_pending_and_dismissed_records_are_skipped(harness: SyncHarness) -> None:
    for number in (1, 2, 3):
        harness.moment.put(factories.invoice(str(8 + number), number=number))
    harness.sync(EntityType.INVOICE, "9")
    harness.receive(EntityType.INVOICE, "10", "11")
    closed = job_details.find_by_record(harness.database, harness.connection.id, Record(EntityType.INVOICE, "11"))
    assert closed
    job_actions.dismiss(
        harness.database, JobFilter(ids=frozenset({closed.id})), because="Posted.", actor="kari", now=harness.now
    )
    assert planned_actions(harness) == []
    put(harness)
    backfill = period(harness)
    tally = backfill.progress(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    assert tally == BackfillProgress(EntityType.INVOICE, records=3, synced=2, needs_attention=0, pending=0)


def test_a_restarted_backfill_posts_nothing_twice(harness: SyncHarness) -> None:
    for number in range(1, 30):
        harness.moment.put(factories.invoice(str(8 + number), number=number))
    first, again = period(harness), period(harness)
    records = first.records(EntityType.INVOICE)
    first.enqueue(EntityType.INVOICE, records[:20])
    again.enqueue(EntityType.INVOICE, again.records(EntityType.INVOICE))
    harness.run()
    put(harness)
    assert len(harness.erp.vouchers) == 29
    assert harness.erp.calls["post"] == 2


def test_the_ledger_is_read_once_per_year_however_many_batches_there_are(harness: SyncHarness) -> None:
    for number in range(1, 60):
        harness.moment.put(factories.invoice(str(8 + number), number=number))
    backfill = period(harness)
    records = backfill.records(EntityType.INVOICE)
    for start in range(0, len(records), 20):
        backfill.enqueue(EntityType.INVOICE, records[start : start + 20])
    assert (harness.erp.calls["booked_vouchers"], harness.erp.calls["posted"]) == (1, 0)


def test_customers_and_projects_of_the_period_are_those_changed_since_or_invoiced(harness: SyncHarness) -> None:
    for customer_id, name in (("70", "Invoiced AS"), ("71", "Changed AS"), ("72", "Long ago AS")):
        harness.moment.put(stranger(customer_id, name=name))
        harness.moment.modified_at[customer_id] = harness.now - timedelta(days=1 if customer_id == "71" else 900)
    harness.moment.modified_at["7"] = harness.now - timedelta(days=900)
    harness.moment.put(factories.invoice("9", customer_id="70"))
    backfill = period(harness)
    assert [record.id for record in backfill.records(EntityType.CUSTOMER)] == ["70", "71"]
    assert [record.id for record in backfill.records(EntityType.PROJECT)] == ["8"]
    backfill.enqueue(EntityType.CUSTOMER, backfill.records(EntityType.CUSTOMER))
    harness.run()
    assert {each.name for each in harness.erp.companies.values()} == {
        "Nordlys Arkitekter AS",
        "Invoiced AS",
        "Changed AS",
    }


def test_a_preview_shows_the_exact_vouchers_and_writes_nothing(harness: SyncHarness) -> None:
    harness.moment.put(stranger("70", name="Fjord AS"), factories.project("80", number="2", customer_id="70"))
    harness.moment.put(
        factories.invoice("9"), factories.invoice("10", number=2, customer_id="70", project_id="80")
    )
    harness.moment.put(factories.invoice("11", number=3, export_status=ExportStatus.TRANSFERRED))
    before = job_list.latest(harness.database, JobFilter())
    backfill = period(harness)
    first, second, left = backfill.preview(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    assert left.why == "Already marked as transferred in Moment."
    assert (first.remote_id, first.customer) == ("1", "10001 Nordlys Arkitekter AS")
    assert second.customer == "Fjord AS (new)"
    assert second.voucher
    assert {entry.project_number for entry in second.voucher.entries} == {2, None}
    assert harness.erp.calls.keys() <= {"booked_vouchers"}
    assert job_list.latest(harness.database, JobFilter()) == before
    put(harness)
    assert first.voucher == harness.erp.vouchers[2026, 1]


@pytest.mark.parametrize(
    ("entity_type", "told"),
    [
        (EntityType.CUSTOMER, ["would be saved", "Customer 71 has no name."]),
        (EntityType.PROJECT, ["The project has no name."]),
    ],
)
def test_a_preview_includes_customers_and_projects(
    harness: SyncHarness, entity_type: EntityType, told: Sequence[str]
) -> None:
    harness.moment.put(stranger("70", name="Fjord AS"), factories.customer("71", name=" "))
    harness.moment.put(factories.project("81", number="2", name=" "))
    backfill = period(harness)
    assert [each.why for each in backfill.preview(entity_type, backfill.records(entity_type))] == told


def test_many_refused_invoices_do_not_each_read_the_ledger_again(harness: SyncHarness) -> None:
    harness.erp.years = [replace(year, locked=True) for year in harness.erp.years]
    for number in range(1, 30):
        harness.moment.put(factories.invoice(str(8 + number), number=number))
    assert set(planned_actions(harness)) == {PlannedAction.REJECT}
    assert harness.erp.calls["forget"] == 0


def stranger(record_id: str, *, name: str) -> Customer:
    """Make a customer that has nothing in common with another one."""
    return factories.customer(record_id, name=name, organization_number="", email="")
