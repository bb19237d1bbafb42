"""What the flows rely on: checked with the gateway against the sandbox, and with the fake that replaces both."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from integrations.moment.webhooks import read
from models.enums import EntityType, Record
from sync.errors import MisconfiguredError, RejectedError, UnavailableError
from sync.ports import Moment
from sync.records import ExportStatus
from tests.contracts.stage_moment import (
    CREDIT_NOTE,
    FAULTS_AFTER_THE_WORK,
    INVOICE,
    MORNING,
    NORDLYS,
    SOLBAKKEN,
    MomentSandbox,
    calling,
)
from tests.fakes import FakeMoment

LATER = MORNING + timedelta(days=1)


@pytest.fixture(params=["fake", "sandbox"])
def moment(request: pytest.FixtureRequest) -> Moment:
    """Moment with a finalized invoice."""
    if request.param == "fake":
        return FakeMoment(NORDLYS, SOLBAKKEN, INVOICE)
    moment_sandbox: MomentSandbox = request.getfixturevalue("moment_sandbox")
    moment_sandbox.finalize()
    gateway: Moment = request.getfixturevalue("gateway")
    return gateway


def test_records_are_read(moment: Moment) -> None:
    assert moment.customer(NORDLYS.id) == NORDLYS
    assert moment.project(SOLBAKKEN.id) == SOLBAKKEN
    assert moment.invoice(INVOICE.id) == INVOICE


def test_a_missing_record_is_none(moment: Moment) -> None:
    assert (moment.customer("7"), moment.project("7"), moment.invoice("7")) == (None, None, None)


def test_a_customer_number_is_returned_and_may_be_returned_again(moment: Moment) -> None:
    for _ in range(2):
        moment.write_customer_number(NORDLYS.id, 10001)
        assert moment.customer(NORDLYS.id) == replace(NORDLYS, number="10001")


@pytest.mark.parametrize(
    ("entity_type", "record_id"),
    [(EntityType.CUSTOMER, NORDLYS.id), (EntityType.PROJECT, SOLBAKKEN.id), (EntityType.INVOICE, INVOICE.id)],
)
def test_changed_records_are_returned(moment: Moment, entity_type: EntityType, record_id: str) -> None:
    assert record_id in moment.changed(entity_type, since=MORNING)


def test_the_invoices_between_two_days_inclusive_are_returned(moment: Moment) -> None:
    day = INVOICE.day
    assert list(moment.invoices_of(day, day)) == [INVOICE]
    assert list(moment.invoices_of(day + timedelta(days=1), day + timedelta(days=30))) == []
    assert list(moment.invoices_of(day - timedelta(days=30), day - timedelta(days=1))) == []


def test_the_url_of_an_invoice_names_it(moment: Moment) -> None:
    assert INVOICE.id in moment.invoice_url(INVOICE.id)


def test_unchanged_records_are_not_returned(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.finalize()
    assert [
        list(gateway.changed(entity_type, since=LATER))
        for entity_type in (EntityType.CUSTOMER, EntityType.INVOICE)
    ] == [[], []]


def test_all_invoices_of_a_month_are_returned_whatever_their_export_status(
    gateway: Moment, moment_sandbox: MomentSandbox
) -> None:
    line = {"financialAccountId": 501, "amountInclVat": 100}
    for _ in range(120):
        moment_sandbox.make("invoices", customerId=int(NORDLYS.id), invoiceDate="2026-04-01", invoiceLines=[line])
    ahead = moment_sandbox.make(
        "invoices", customerId=int(NORDLYS.id), invoiceDate="2026-06-30", invoiceLines=[line], kid="18"
    )
    moment_sandbox.finalize(ahead)
    moment_sandbox.change(f"invoices/{ahead}", exportState="doNotTransfer")
    [invoice] = gateway.invoices_of(date(2026, 6, 1), date(2026, 6, 30))
    assert (invoice.id, invoice.total, invoice.export_status) == (
        ahead,
        Decimal("100.00"),
        ExportStatus.DO_NOT_TRANSFER,
    )
    assert [each.amount for each in invoice.lines] == [Decimal("100.00")]


def test_an_invoice_of_a_list_that_cannot_be_read_says_why_and_harms_no_other(
    gateway: Moment, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.finalize()
    bad = moment_sandbox.make(
        "invoices",
        customerId=int(NORDLYS.id),
        invoiceDate="2026-03-02",
        invoiceLines=[{"financialAccountId": 501, "amountInclVat": 99.995}],
    )
    moment_sandbox.finalize(bad)
    first, second = gateway.invoices_of(INVOICE.day, INVOICE.day)
    assert first == INVOICE
    assert (second.id, second.number, second.day, second.lines) == (bad, 2, INVOICE.day, ())
    assert "two decimals" in second.unreadable


def test_a_draft_is_not_finalized_and_not_a_change(gateway: Moment) -> None:
    assert list(gateway.changed(EntityType.INVOICE, since=MORNING)) == []
    draft = gateway.invoice(INVOICE.id)
    assert draft is not None
    assert (draft.number, draft.finalized) == (None, False)


def test_all_of_many_changed_records_are_returned(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    made = {moment_sandbox.make("customers", name=f"Customer {number}") for number in range(120)}
    changed = list(gateway.changed(EntityType.CUSTOMER, since=MORNING))
    assert set(changed) == made | {NORDLYS.id}
    assert len(changed) == len(set(changed))


def test_a_credit_note_is_negative(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.finalize()
    credit_note = gateway.invoice(moment_sandbox.credit())
    assert credit_note == replace(CREDIT_NOTE, id=credit_note.id if credit_note else "")


def test_an_excluded_invoice_says_so(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.finalize()
    moment_sandbox.change(f"invoices/{INVOICE.id}", exportState="doNotTransfer")
    invoice = gateway.invoice(INVOICE.id)
    assert invoice is not None
    assert (invoice.number, invoice.export_status) == (1, ExportStatus.DO_NOT_TRANSFER)


def test_a_currency_and_its_rate_are_returned(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.change(f"invoices/{INVOICE.id}", currencyCode="EUR", currencyRate=11.7345, kid="0000018")
    moment_sandbox.finalize()
    expected = replace(INVOICE, currency="EUR", rate=Decimal("11.7345"), kid="0000018")
    assert gateway.invoice(INVOICE.id) == expected


def test_an_account_that_was_opened_after_the_others_were_read_is_found(
    gateway: Moment, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.finalize()
    gateway.invoice(INVOICE.id)
    account = moment_sandbox.make("financialAccounts", accountNumber=3900, externalTaxCode="31")
    line = {"financialAccountId": int(account), "unitPrice": 100}
    second = moment_sandbox.make("invoices", customerId=int(NORDLYS.id), invoiceLines=[line])
    moment_sandbox.finalize(second)
    invoice = gateway.invoice(second)
    assert invoice is not None
    assert (invoice.lines[0].account, invoice.lines[0].tax_code) == (3900, "31")


def test_an_amount_with_three_decimals_is_refused_by_record_field_and_value(
    gateway: Moment, moment_sandbox: MomentSandbox
) -> None:
    moment_sandbox.change(
        f"invoices/{INVOICE.id}", invoiceLines=[{"financialAccountId": 501, "amountInclVat": 99.995}]
    )
    moment_sandbox.finalize()
    with pytest.raises(
        RejectedError, match=rf"is “99\.995” instead of .* two decimals \(Moment record {INVOICE.id}\)"
    ) as refusal:
        gateway.invoice(INVOICE.id)
    assert refusal.value.title == "Invoice 1"


def test_a_customer_without_a_name_is_refused(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    customer = moment_sandbox.make("customers", customerNumber="10009")
    with pytest.raises(RejectedError, match="The name is missing") as refusal:
        gateway.customer(customer)
    assert refusal.value.title == "Customer 10009"


def test_a_number_cannot_be_returned_to_a_deleted_customer(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    customer = moment_sandbox.make("customers", name="Gone AS")
    moment_sandbox.delete(f"customers/{customer}")
    with pytest.raises(RejectedError):
        gateway.write_customer_number(customer, 10002)


@pytest.mark.parametrize(
    ("key", "company"), [("revoked", "1001"), ("moment-other-key", "1001"), ("moment-demo-key", "9999")]
)
def test_a_key_of_another_company_pauses_the_connection(
    moment_sandbox: MomentSandbox, key: str, company: str
) -> None:
    with calling(moment_sandbox.url, key=key, company=company) as gateway, pytest.raises(MisconfiguredError):
        list(gateway.changed(EntityType.CUSTOMER, since=MORNING))


FAULTS = ("slow", "hang", "fault", "error_500", "error_503", "too_many", "garbage", "html")


@pytest.mark.parametrize("fault", [*FAULTS, *FAULTS_AFTER_THE_WORK])
def test_a_fault_is_temporary(gateway: Moment, moment_sandbox: MomentSandbox, fault: str) -> None:
    moment_sandbox.add_fault("GET customers", fault)
    with pytest.raises(UnavailableError):
        gateway.customer(NORDLYS.id)
    assert gateway.customer(NORDLYS.id) == NORDLYS


@pytest.mark.parametrize("fault", FAULTS_AFTER_THE_WORK)
def test_a_number_with_a_lost_response_is_saved_and_may_be_returned_again(
    gateway: Moment, moment_sandbox: MomentSandbox, fault: str
) -> None:
    moment_sandbox.add_fault("PATCH customers", fault)
    with pytest.raises(UnavailableError):
        gateway.write_customer_number(NORDLYS.id, 10001)
    assert moment_sandbox.customer_number() == "10001"
    gateway.write_customer_number(NORDLYS.id, 10001)
    assert moment_sandbox.customer_number() == "10001"


def test_a_pause_that_moment_asks_for_is_returned(gateway: Moment, moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.add_fault("GET customers", "too_many")
    with pytest.raises(UnavailableError) as pause:
        gateway.customer(NORDLYS.id)
    assert pause.value.retry_after == timedelta(seconds=1)


def test_webhooks_name_their_records(moment_sandbox: MomentSandbox) -> None:
    moment_sandbox.notify_nobody()
    customer = moment_sandbox.make("customers", name="Ny Kunde AS")
    moment_sandbox.change(f"projects/{SOLBAKKEN.id}", name="Villa Solbakken II")
    moment_sandbox.finalize()
    sent = [read(json.dumps(body).encode()) for body in moment_sandbox.notifications()]
    assert sent == [
        Record(EntityType.CUSTOMER, customer),
        Record(EntityType.PROJECT, SOLBAKKEN.id),
        Record(EntityType.INVOICE, INVOICE.id),
    ]
