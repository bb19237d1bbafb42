"""The summary of a record is stored with its job, above all if the attempt failed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from models.enums import EntityType, JobState
from models.schema.record_summary import RecordSummary
from sync.errors import RejectedError
from sync.records import Company, ExportStatus, Invoice, LedgerLine
from tests import factories
from tests.sync.conftest import SyncHarness
from tests.sync.flows.supplier_vouchers import DAY, VOUCHER, cost, enter_and_sync, prepare, sync_voucher

NORDLYS = "Nordlys Arkitekter AS"
INVOICE = RecordSummary(
    record_number="1024",
    party=NORDLYS,
    party_number="10001",
    amount=125000,
    currency="NOK",
    record_date=date(2026, 3, 2),
    due_date=date(2026, 3, 16),
    project_id="8",
)


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    harness.moment.put(factories.customer("7"), factories.project("8"))
    harness.prove_vat()
    return harness


def summary(harness: SyncHarness, invoice: Invoice) -> RecordSummary:
    harness.moment.put(invoice)
    return synced(harness, EntityType.INVOICE, invoice.id)


def synced(harness: SyncHarness, entity_type: EntityType, record_id: str) -> RecordSummary:
    harness.sync(entity_type, record_id)
    return harness.job(entity_type, record_id).summary


def test_a_posted_invoice_is_known_by_its_customer_amount_dates_and_voucher(harness: SyncHarness) -> None:
    assert summary(harness, factories.invoice(number=1024)) == INVOICE
    assert harness.job(EntityType.INVOICE, "9").voucher == "1024/2026"


def test_an_invoice_that_needs_attention_has_a_summary_too(harness: SyncHarness) -> None:
    day = date(1999, 3, 2)
    there = summary(harness, factories.invoice(number=1024, day=day))
    assert harness.job(EntityType.INVOICE, "9").error_code == "fiscal_year"
    assert there == replace(INVOICE, party_number="", record_date=day, due_date=date(1999, 3, 16))
    assert harness.job(EntityType.INVOICE, "9").voucher == ""


def test_an_invoice_that_waits_for_its_customer_has_the_name_already(harness: SyncHarness) -> None:
    harness.erp.companies |= {number: Company(number, NORDLYS) for number in (10008, 10009)}
    assert summary(harness, factories.invoice(number=1024)) == replace(INVOICE, party_number="")
    assert harness.job(EntityType.INVOICE, "9").state is JobState.WAITING


def test_a_credit_note_in_another_currency_is_negative_in_it(harness: SyncHarness) -> None:
    note = factories.invoice(
        number=1025, amounts=("-100.50",), credit_note=True, currency="EUR", rate=Decimal("11.50")
    )
    there = summary(harness, note)
    assert (there.amount, there.currency) == (-10050, "EUR")


def test_an_invoice_not_to_be_transferred_shows_moments_values(harness: SyncHarness) -> None:
    there = summary(harness, factories.invoice(number=1024, export_status=ExportStatus.DO_NOT_TRANSFER))
    assert there == replace(INVOICE, party_number="")


def test_a_malformed_invoice_shows_what_could_be_read(harness: SyncHarness) -> None:
    known = factories.invoice(number=1024, lines=(), total=Decimal("1250.00"))
    harness.begin()
    refused = RejectedError("Financial account 5 doesn't exist in Moment.", error_code="unreadable")
    harness.moment.fails_before["invoice"].append(refused.replace(invoice=known))
    assert synced(harness, EntityType.INVOICE, "9") == INVOICE


def test_a_customer_of_a_connection_without_customers_is_named_too(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["invoice"])
    harness.moment.put(factories.customer("7", number="10001"))
    there = summary(harness, factories.invoice(number=1024, project_id=""))
    assert (there.party, there.party_number) == (NORDLYS, "10001")


def test_customers_and_projects_are_known_by_name_and_number(harness: SyncHarness) -> None:
    assert synced(harness, EntityType.PROJECT, "8") == RecordSummary(
        record_number="1", record_name="Kulturhuset", party=NORDLYS, party_number="10001"
    )
    customer = harness.job(EntityType.CUSTOMER, "7")
    assert customer.summary == RecordSummary(record_name=NORDLYS)
    assert customer.number == "10001"


def test_a_national_identity_number_in_a_name_is_masked(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name="Kari Nordmann 01017012345"))
    assert synced(harness, EntityType.CUSTOMER, "7").record_name == "Kari Nordmann ***********"


def test_a_voucher_is_known_by_its_supplier_amount_and_date(harness: SyncHarness) -> None:
    prepare(harness)
    enter_and_sync(harness, cost(125000), cost(5000, account=7777))
    job = harness.job(EntityType.EXPENSE, VOUCHER)
    assert job.summary == RecordSummary(
        record_number="F-77",
        party="Byggmaker Øst AS",
        party_number="20001",
        amount=130000,
        currency="NOK",
        record_date=DAY,
    )
    assert job.voucher == "40001/2026"


def test_a_voucher_paid_by_card_has_its_debit_sum(harness: SyncHarness) -> None:
    prepare(harness)
    harness.erp.purchases[VOUCHER] = [cost(125000), LedgerLine(1920, -125000, DAY)]
    sync_voucher(harness)
    assert harness.job(EntityType.EXPENSE, VOUCHER).summary.amount == 125000
