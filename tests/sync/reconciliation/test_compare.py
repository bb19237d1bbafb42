"""The number of calls of a reconciliation, and its treatment of records that are not synced."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from i18n.catalog import Language
from i18n.messages import Day, joined, translate
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from sync.money import format_kroner
from sync.reconciliation.compare import reconcile
from sync.reconciliation.differences import ComparedField, FieldDifference
from sync.reconciliation.report import Discrepancy, DiscrepancyType, ReconciliationReport
from sync.records import Chart, Company, Invoice, InvoiceLine, LedgerLine, VoucherDocument, VoucherDocuments
from sync.rules.vouchers import voucher_of
from tests import factories
from tests.fakes import VAT_CODES
from tests.sync.conftest import SyncHarness

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
DAY = date(2026, 3, 2)


def compared(harness: SyncHarness) -> ReconciliationReport:
    harness.change_settings(entity_types=(EntityType.INVOICE,))
    return reconcile(harness.open_context(harness.connection, lambda: None), FIRST, LAST)


def known(harness: SyncHarness, count: int) -> list[Invoice]:
    """Make ``count`` invoices in Moment, of one customer and project whose numbers Moment has."""
    harness.moment.customers["7"] = factories.customer(number="10001")
    harness.moment.projects["8"] = factories.project()
    invoices = [
        factories.invoice(str(100 + n), number=n, day=FIRST + timedelta(days=n % 365)) for n in range(1, count + 1)
    ]
    harness.moment.invoices = {each.id: each for each in invoices}
    return invoices


def post(harness: SyncHarness, *invoices: Invoice, voucher_vat: str = "net", rounding: int | None = None) -> None:
    for each in invoices:
        voucher = voucher_of(
            each,
            customer_number=10001,
            project_number=lambda _: 1,
            chart=Chart(harness.erp.chart, VAT_CODES),
            settings=factories.settings(voucher_vat=voucher_vat, rounding_account=rounding),
            comment="",
        )
        harness.erp.vouchers[each.day.year, voucher.number] = voucher


@pytest.mark.thousands
def test_five_thousand_invoices_are_compared_in_a_few_calls(harness: SyncHarness) -> None:
    invoices = known(harness, 5000)
    post(harness, *invoices)
    report = compared(harness)
    assert (report.agree, report.count("equal")) == (True, 5000)
    assert dict(harness.erp.calls) == {"booked_vouchers": 1}
    assert dict(harness.moment.calls) == {"invoices_of": 1, "customer": 1, "project": 1}


@pytest.mark.thousands
def test_missing_invoices_take_two_more_calls_however_many_they_are(harness: SyncHarness) -> None:
    post(harness, *known(harness, 5000)[:4000])
    report = compared(harness)
    assert (report.count("equal"), len(report.discrepancies)) == (4000, 1000)
    assert {each.type for each in report.discrepancies} == {DiscrepancyType.MISSING}
    assert dict(harness.erp.calls) == {"booked_vouchers": 3}


def test_a_customer_without_a_number_is_not_compared(harness: SyncHarness) -> None:
    post(harness, *known(harness, 1))
    harness.moment.customers["7"] = factories.customer(number="")
    assert compared(harness).agree


def test_invoices_are_not_compared_if_they_are_not_synced(harness: SyncHarness) -> None:
    post(harness, *known(harness, 2)[:1])
    harness.change_settings(entity_types=(EntityType.CUSTOMER,))
    report = reconcile(harness.open_context(harness.connection, lambda: None), FIRST, LAST)
    assert (report.agree, report.counts, report.totals) == (True, {}, [])


def test_a_zero_invoice_is_equal_with_or_without_its_line_in_the_ledger(harness: SyncHarness) -> None:
    (invoice,) = known(harness, 1)
    lines = (factories.line("1000.00"), factories.line("-1000.00", account=3100))
    zero = replace(invoice, lines=lines, total=Decimal(0))
    harness.moment.invoices = {zero.id: zero}
    post(harness, zero)
    assert compared(harness).counts == {"equal": 1}
    voucher = harness.erp.vouchers[2026, 1]
    harness.erp.vouchers[2026, 1] = replace(voucher, entries=voucher.entries[1:])
    assert compared(harness).counts == {"equal": 1}


def test_vat_rounded_differently_is_mentioned_but_is_no_difference(harness: SyncHarness) -> None:
    (invoice,) = known(harness, 1)
    lines = tuple(InvoiceLine(Decimal("0.03"), 3000, vat=Decimal(25), net=Decimal("0.02")) for _ in range(4))
    told = replace(invoice, lines=lines, total=Decimal("0.12"))
    harness.moment.invoices = {told.id: told}
    harness.change_settings(voucher_vat="gross")
    post(harness, told, voucher_vat="gross")
    assert compared(harness).counts == {"equal": 1, "vat_rounded": 1}
    harness.change_settings(voucher_vat="net")
    (found,) = compared(harness).discrepancies
    assert [each.field.value for each in found.differences] == ["vat amount"]


@pytest.mark.parametrize("voucher_vat", ["net", "gross"])
def test_the_rounding_of_many_lines_to_a_whole_krone_is_compared(harness: SyncHarness, voucher_vat: str) -> None:
    (invoice,) = known(harness, 1)
    lines = (InvoiceLine(Decimal("41.67"), 3000, vat=Decimal(25)),) * 60
    whole = replace(invoice, lines=lines, total=Decimal(2500))
    harness.moment.invoices = {whole.id: whole}
    harness.erp.chart[7740] = ""
    harness.change_settings(voucher_vat=voucher_vat, rounding_account=7740)
    post(harness, whole, voucher_vat=voucher_vat, rounding=7740)
    assert compared(harness).counts == {"equal": 1}
    post(harness, whole, voucher_vat=voucher_vat)
    (found,) = compared(harness).discrepancies
    told = [(each.field.value, each.moment, each.ledger) for each in found.differences]
    assert ("account", "3000: -2 500,20, 7740: 0,20", "3000: -2 500,00") in told
    stored = Discrepancy.from_json(json.loads(json.dumps(found.as_json())))
    detail = "Account: 3000: -2,500.20, 7740: 0.20 in Moment, 3000: -2,500.00 in the ledger"
    assert detail in [translate(each, Language.ENGLISH) for each in stored.details]


def test_what_was_accepted_before_amounts_kept_their_type_stays_accepted() -> None:
    typed = FieldDifference(ComparedField.DATE, Day(DAY), joined(Day(FIRST), format_kroner(100)))
    found = Discrepancy(DiscrepancyType.DIFFERENT, "1", DAY, "100", differences=(typed,))
    before = found.as_json()
    del before["typed"]
    assert before["differences"] == [["date", "02.03.2026", "01.01.2026; 1,00"]]
    released = "d561c23af30dcb87dd49e88855ed4ac0fd588a9e6372a2273d9b3aeb2dc0ac67"
    assert {Discrepancy.from_json(each).fingerprint for each in (before, found.as_json())} == {released}


@pytest.mark.parametrize(
    ("field", "change", "told"),
    [
        ("project", {"project_number": 3}, ("project", "1", "3")),
        ("vat code", {"tax_code": "31"}, ("vat", "3", "31")),
    ],
    ids=["project", "vat code"],
)
def test_only_a_different_project_or_vat_code_is_named(
    harness: SyncHarness, field: str, change: dict[str, Any], told: tuple[str, str, str]
) -> None:
    (invoice,) = known(harness, 1)
    post(harness, invoice)
    voucher = harness.erp.vouchers[2026, 1]
    entries = [replace(each, **change) if each.account == 3000 else each for each in voucher.entries]
    harness.erp.vouchers[2026, 1] = replace(voucher, entries=tuple(entries))
    (found,) = compared(harness).discrepancies
    assert told in [(each.field.value, each.moment, each.ledger) for each in found.differences], field


def test_the_totals_are_those_of_the_ledgers_accounts(harness: SyncHarness) -> None:
    post(harness, *known(harness, 2)[:1])
    report = compared(harness)
    assert not report.vat_included
    held: dict[int, int] = defaultdict(int)
    for line in harness.erp.booked(FIRST, LAST, costs=AccountRanges(())).sales:
        held[line.account] += line.amount
    assert held
    assert {each.account: each.ledger for each in report.totals} == held
    assert {each.account: each.moment for each in report.totals} == {key: 2 * held[key] for key in held}


def test_vat_whose_account_is_not_known_is_one_total(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(harness, *known(harness, 1), voucher_vat="gross")
    harness.change_settings(voucher_vat="gross")
    nameless = {code: replace(each, account=None) for code, each in VAT_CODES.items()}
    monkeypatch.setattr(harness.erp, "vat_codes", lambda: nameless)
    totals = {each.account: (each.moment, each.ledger) for each in compared(harness).totals}
    assert totals[0] == (-25000, -25000)
    assert 2701 not in totals


def test_an_invoice_that_cannot_become_a_voucher_says_why(harness: SyncHarness) -> None:
    (invoice,) = known(harness, 1)
    harness.moment.invoices[invoice.id] = replace(invoice, total=invoice.total + 1)
    (found,) = compared(harness).discrepancies
    assert (found.type, "would not balance" in found.because) == (DiscrepancyType.UNREADABLE, True)


def test_a_stored_report_is_the_same_and_known_differences_are_separate(harness: SyncHarness) -> None:
    known(harness, 2)
    report = compared(harness)
    assert ReconciliationReport.from_json(report.as_json()) == report
    first, second = report.discrepancies
    apart = report.separate_accepted({(first.key, first.fingerprint)})
    assert (apart.discrepancies, apart.accepted) == ([second], [first])
    changed: Discrepancy = replace(first, amount=first.amount + 1)
    assert (
        not replace(report, discrepancies=[changed]).separate_accepted({(first.key, first.fingerprint)}).accepted
    )


COST = LedgerLine(4300, 100000, DAY, "", 1, text="Gips")
OWED = LedgerLine(2400, -100000, DAY, customer_number=20001, customer_name="Byggmakker AS", invoice_number="F-77")
NAME = "2026-104-40001"


def sync_voucher(harness: SyncHarness, *lines: LedgerLine) -> None:
    """Sync a supplier's voucher with these lines."""
    harness.change_settings(entity_types=(EntityType.EXPENSE,), expense_accounts="4300")
    harness.moment.projects["8"] = factories.project()
    harness.erp.purchases[NAME] = list(lines)
    harness.sync(EntityType.EXPENSE, NAME)
    harness.erp.calls.clear()


def expenses(harness: SyncHarness, first: date, last: date) -> ReconciliationReport:
    report = reconcile(harness.open_context(harness.connection, lambda: None), first, last)
    assert report.expenses
    return report.expenses


@pytest.mark.parametrize(("month", "equal"), [(3, 1), (4, 0)], ids=["the supplier's line", "the cost"])
def test_a_voucher_with_lines_in_two_months_is_read_completely(
    harness: SyncHarness, month: int, equal: int
) -> None:
    sync_voucher(harness, replace(COST, day=date(2026, 4, 15)), OWED)
    report = expenses(harness, date(2026, month, 1), date(2026, month, 30))
    assert (report.discrepancies, report.count("equal")) == ([], equal)
    assert harness.erp.calls["booked_vouchers"] == 3


def test_the_order_of_a_vouchers_lines_does_not_matter(harness: SyncHarness) -> None:
    sync_voucher(harness, COST, replace(COST, text="Plank"), replace(OWED, amount=-200000))
    harness.erp.purchases[NAME].reverse()
    assert expenses(harness, FIRST, LAST).counts == {"equal": 1}


def test_a_corrected_voucher_is_compared_as_it_was_booked_again(harness: SyncHarness) -> None:
    wrong = replace(OWED, customer_number=20002, customer_name="Feil AS", invoice_number="X-1", hidden=True)
    sync_voucher(harness, replace(COST, hidden=True), replace(wrong, day=FIRST), COST, OWED)
    (expense_id,) = harness.moment.expenses
    assert expenses(harness, FIRST, LAST).counts == {"equal": 1}
    harness.moment.expenses[expense_id] = replace(harness.moment.expenses[expense_id], supplier="Feil AS")
    (found,) = expenses(harness, FIRST, LAST).discrepancies
    assert found.details == ["Supplier: Feil AS in Moment, Byggmakker AS in the ledger"]


def test_a_supplier_whom_only_the_customer_index_names_is_not_compared(harness: SyncHarness) -> None:
    harness.erp.companies[20001] = Company(20001, "Byggmakker AS")
    sync_voucher(harness, replace(COST, text=""), replace(OWED, customer_name=""))
    assert next(iter(harness.moment.expenses.values())).supplier == "Byggmakker AS"
    assert expenses(harness, FIRST, LAST).counts == {"equal": 1}
    assert harness.erp.calls["company"] == 0


def test_scanned_values_of_documents_are_compared_too(harness: SyncHarness) -> None:
    document = VoucherDocument("1", "pdf", supplier="Byggmakker AS", invoice_number="F-77")
    harness.erp.stamps[55], harness.erp.contents["1"] = VoucherDocuments((document,)), b"%PDF"
    sync_voucher(harness, replace(COST, stamp=55), replace(OWED, customer_name="", invoice_number="", stamp=55))
    assert expenses(harness, FIRST, LAST).counts == {"equal": 1}
    (expense_id,) = harness.moment.expenses
    harness.moment.expenses[expense_id] = replace(harness.moment.expenses[expense_id], supplier="Byggmax AS")
    (found,) = expenses(harness, FIRST, LAST).discrepancies
    assert found.details == ["Supplier: Byggmax AS in Moment, Byggmakker AS in the ledger"]


def test_the_documents_of_all_vouchers_are_requested_together(harness: SyncHarness) -> None:
    sync_voucher(harness, COST, OWED)
    for n in range(2, 2000):
        harness.erp.purchases[f"2026-104-{40000 + n}"] = [replace(COST, stamp=n), replace(OWED, stamp=n)]
        harness.erp.stamps[n] = VoucherDocuments(pending=n % 2 == 0)
    report = expenses(harness, FIRST, LAST)
    assert (report.count("equal"), report.count("not_approved"), len(report.discrepancies)) == (1, 999, 999)
    assert dict(harness.erp.calls) == {"booked_vouchers": 1, "documents_of": 1}


def test_a_stored_report_with_expenses_is_the_same_with_known_ones_separate(harness: SyncHarness) -> None:
    sync_voucher(harness, COST, OWED)
    harness.moment.expenses.clear()
    report = reconcile(harness.open_context(harness.connection, lambda: None), FIRST, LAST)
    assert ReconciliationReport.from_json(report.as_json()) == report
    (found,) = report.all_discrepancies
    assert report.separate_accepted({(found.key, found.fingerprint)}).agree
