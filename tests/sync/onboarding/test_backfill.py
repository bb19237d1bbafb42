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
from tests.sync.conftest import World

FIRST, LAST = date(2026, 1, 1), date(2026, 10, 31)
NINTH = Record(EntityType.INVOICE, "9")


@pytest.fixture
def world(world: World) -> World:
    """A firm with a synced customer and project."""
    world.begin()
    return world


def period(world: World) -> Backfill:
    return Backfill(world.open_context(world.connection, lambda: None), FIRST, LAST)


def put(world: World) -> None:
    """Enqueue the invoices of the period, and let workers sync them."""
    backfill = period(world)
    backfill.enqueue(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    world.run()


def planned_actions(world: World) -> list[PlannedAction]:
    backfill = period(world)
    return [each.action for each in backfill.plan(EntityType.INVOICE, backfill.records(EntityType.INVOICE))]


def post_by_hand(
    world: World, *, amount: int = 125000, customer: int = 10001, day: date = date(2026, 3, 2)
) -> None:
    entries = (Entry(1500, amount, customer), Entry(3000, -amount, customer))
    world.erp.vouchers[2026, 1] = Voucher(1, 1, day, day, entries)


def test_the_invoices_of_the_period_are_posted_the_oldest_first(world: World) -> None:
    for number, day in ((1, date(2025, 12, 31)), (2, LAST), (3, FIRST), (4, date(2026, 11, 1))):
        world.moment.put(factories.invoice(str(8 + number), number=number, day=day))
    assert [record.id for record in period(world).records(EntityType.INVOICE)] == ["11", "10"]
    put(world)
    assert sorted(world.erp.vouchers) == [(2026, 2), (2026, 3)]


def test_invoices_in_the_ledger_are_linked_and_not_posted(world: World) -> None:
    world.moment.put(factories.invoice("9"))
    post_by_hand(world)
    assert planned_actions(world) == [PlannedAction.LINK]
    put(world)
    assert len(world.erp.vouchers) == 1
    assert world.erp.calls["post"] == 0
    assert links.find(world.database, world.connection.id, NINTH) == links.Link("2026/1")


def test_invoices_that_differ_in_the_ledger_are_left_to_a_person(world: World) -> None:
    world.moment.put(factories.invoice("9"))
    post_by_hand(world, amount=99900)
    assert planned_actions(world) == [PlannedAction.ASK]
    put(world)
    assert world.erp.calls["post"] == 0
    assert (world.job(EntityType.INVOICE, "9").state, world.job(EntityType.INVOICE, "9").error_code) == (
        JobState.NEEDS_ATTENTION,
        "differs",
    )
    assert len(world.mails()) == 1


def test_an_invoice_posted_on_another_day_of_the_year_is_found_too(world: World) -> None:
    world.moment.put(factories.invoice("9"))
    post_by_hand(world, day=date(2026, 12, 30))
    assert planned_actions(world) == [PlannedAction.ASK]


def test_an_invoice_with_an_unsynced_customer_is_compared_later(world: World) -> None:
    world.moment.put(stranger("70", name="Fjord AS"), factories.invoice("9", customer_id="70"))
    post_by_hand(world, customer=10002)
    assert planned_actions(world) == [PlannedAction.ASK]
    put(world)
    assert len(world.erp.vouchers) == 1
    assert world.job(EntityType.INVOICE, "9").state is JobState.DONE


def test_drafts_posted_since_are_compared_too(world: World) -> None:
    world.change_settings(posting="draft")
    world.moment.put(factories.invoice("9"))
    post_by_hand(world, amount=99900)
    put(world)
    assert world.job(EntityType.INVOICE, "9").error_code == "differs"


def test_invoices_in_a_locked_year_are_linked_silently(world: World) -> None:
    world.erp.years = [replace(year, locked=True) for year in world.erp.years]
    world.moment.put(factories.invoice("9"))
    post_by_hand(world)
    assert planned_actions(world) == [PlannedAction.LINK]


def test_invoices_transferred_or_excluded_in_moment_are_left_alone(world: World) -> None:
    world.moment.put(factories.invoice("9", export_status=ExportStatus.TRANSFERRED))
    world.moment.put(factories.invoice("10", number=2, export_status=ExportStatus.DO_NOT_TRANSFER))
    assert planned_actions(world) == [PlannedAction.SKIP, PlannedAction.SKIP]
    put(world)
    assert {view.record.entity_type for view in job_list.latest(world.database, JobFilter())} == {
        EntityType.CUSTOMER,
        EntityType.PROJECT,
    }


def test_invoices_that_would_be_refused_are_shown(world: World) -> None:
    world.moment.put(factories.invoice("9", total=Decimal(1)))
    assert planned_actions(world) == [PlannedAction.REJECT]
    put(world)
    assert world.job(EntityType.INVOICE, "9").state is JobState.NEEDS_ATTENTION


def test_a_refused_invoice_in_the_ledger_is_not_posted_once_corrected(world: World) -> None:
    world.moment.put(factories.project("80", number="A-1"), factories.invoice("9", project_id="80"))
    post_by_hand(world)
    assert planned_actions(world) == [PlannedAction.ASK]
    put(world)
    world.put_and_sync(factories.project("80", number="2"))
    assert world.job(EntityType.INVOICE, "9").state is JobState.DONE
    assert world.erp.calls["post"] == 0


def test_synced_pending_and_dismissed_records_are_skipped(world: World) -> None:
    for number in (1, 2, 3):
        world.moment.put(factories.invoice(str(8 + number), number=number))
    world.sync(EntityType.INVOICE, "9")
    world.receive(EntityType.INVOICE, "10", "11")
    closed = job_details.find_by_record(world.database, world.connection.id, Record(EntityType.INVOICE, "11"))
    assert closed
    job_actions.dismiss(
        world.database, JobFilter(ids=frozenset({closed.id})), because="Posted.", actor="kari", now=world.now
    )
    assert planned_actions(world) == []
    put(world)
    backfill = period(world)
    tally = backfill.progress(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    assert tally == BackfillProgress(EntityType.INVOICE, records=3, synced=2, needs_attention=0, pending=0)


def test_a_restarted_backfill_posts_nothing_twice(world: World) -> None:
    for number in range(1, 30):
        world.moment.put(factories.invoice(str(8 + number), number=number))
    first, again = period(world), period(world)
    records = first.records(EntityType.INVOICE)
    first.enqueue(EntityType.INVOICE, records[:20])
    again.enqueue(EntityType.INVOICE, again.records(EntityType.INVOICE))
    world.run()
    put(world)
    assert len(world.erp.vouchers) == 29
    assert world.erp.calls["post"] == 2


def test_the_ledger_is_read_once_per_year_however_many_batches_there_are(world: World) -> None:
    for number in range(1, 60):
        world.moment.put(factories.invoice(str(8 + number), number=number))
    backfill = period(world)
    records = backfill.records(EntityType.INVOICE)
    for start in range(0, len(records), 20):
        backfill.enqueue(EntityType.INVOICE, records[start : start + 20])
    assert (world.erp.calls["booked_vouchers"], world.erp.calls["posted"]) == (1, 0)


def test_customers_and_projects_of_the_period_are_those_changed_since_or_invoiced(world: World) -> None:
    for customer_id, name in (("70", "Invoiced AS"), ("71", "Changed AS"), ("72", "Long ago AS")):
        world.moment.put(stranger(customer_id, name=name))
        world.moment.modified_at[customer_id] = world.now - timedelta(days=1 if customer_id == "71" else 900)
    world.moment.modified_at["7"] = world.now - timedelta(days=900)
    world.moment.put(factories.invoice("9", customer_id="70"))
    backfill = period(world)
    assert [record.id for record in backfill.records(EntityType.CUSTOMER)] == ["70", "71"]
    assert [record.id for record in backfill.records(EntityType.PROJECT)] == ["8"]
    backfill.enqueue(EntityType.CUSTOMER, backfill.records(EntityType.CUSTOMER))
    world.run()
    assert {each.name for each in world.erp.companies.values()} == {
        "Nordlys Arkitekter AS",
        "Invoiced AS",
        "Changed AS",
    }


def test_a_preview_shows_the_exact_vouchers_and_writes_nothing(world: World) -> None:
    world.moment.put(stranger("70", name="Fjord AS"), factories.project("80", number="2", customer_id="70"))
    world.moment.put(factories.invoice("9"), factories.invoice("10", number=2, customer_id="70", project_id="80"))
    world.moment.put(factories.invoice("11", number=3, export_status=ExportStatus.TRANSFERRED))
    before = job_list.latest(world.database, JobFilter())
    backfill = period(world)
    first, second, left = backfill.preview(EntityType.INVOICE, backfill.records(EntityType.INVOICE))
    assert left.why == "Already marked as transferred in Moment."
    assert (first.remote_id, first.customer) == ("1", "10001 Nordlys Arkitekter AS")
    assert second.customer == "Fjord AS (new)"
    assert second.voucher
    assert {entry.project_number for entry in second.voucher.entries} == {2, None}
    assert world.erp.calls.keys() <= {"booked_vouchers"}
    assert job_list.latest(world.database, JobFilter()) == before
    put(world)
    assert first.voucher == world.erp.vouchers[2026, 1]


@pytest.mark.parametrize(
    ("entity_type", "told"),
    [
        (EntityType.CUSTOMER, ["would be saved", "Customer 71 has no name."]),
        (EntityType.PROJECT, ["The project has no name."]),
    ],
)
def test_a_preview_includes_customers_and_projects(
    world: World, entity_type: EntityType, told: Sequence[str]
) -> None:
    world.moment.put(stranger("70", name="Fjord AS"), factories.customer("71", name=" "))
    world.moment.put(factories.project("81", number="2", name=" "))
    backfill = period(world)
    assert [each.why for each in backfill.preview(entity_type, backfill.records(entity_type))] == told


def test_many_refused_invoices_do_not_each_read_the_ledger_again(world: World) -> None:
    world.erp.years = [replace(year, locked=True) for year in world.erp.years]
    for number in range(1, 30):
        world.moment.put(factories.invoice(str(8 + number), number=number))
    assert set(planned_actions(world)) == {PlannedAction.REJECT}
    assert world.erp.calls["forget"] == 0


def stranger(record_id: str, *, name: str) -> Customer:
    """Make a customer that has nothing in common with another one."""
    return factories.customer(record_id, name=name, organization_number="", email="")
