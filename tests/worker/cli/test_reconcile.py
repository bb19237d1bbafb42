"""``python -m worker reconcile`` with the real gateways and the sandbox."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from models.admin import discrepancies, job_details
from models.connections.repository import Connection
from models.enums import EntityType, Record
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from sync.reconciliation.report import Discrepancy, ReconciliationReport
from tests.factories import settings
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import invoke
from tests.worker.month_of_invoices import DAY, FAULTS, FIRST, LAST, NET, YEAR, Fault, InvoiceMonth
from worker.container import Container, clock

ENTERED_ALIKE = {f"wrong {what}" for what in ("sign", "customer", "project", "date", "month", "year", "due date")}
WITH_VAT = [fault for fault in FAULTS if fault[0] not in ENTERED_ALIKE]
"""The faults whose vouchers, or whose comparison, depend on who splits off the VAT."""


@pytest.fixture
def books(container: Container, connection: Connection, fresh_systems: Systems) -> InvoiceMonth:
    return InvoiceMonth(container, connection, fresh_systems)


def compared(books: InvoiceMonth) -> ReconciliationReport:
    connection = books.container.connections.get(books.connection.id)
    return reconcile(books.container.open_context(connection, refuse_writes), FIRST, LAST)


def run(*arguments: str) -> Result:
    return invoke("reconcile", "Demo AS", *arguments)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_planted_fault_is_found_and_nothing_else(books: InvoiceMonth, fault: Fault) -> None:
    find_planted(books, fault)


@pytest.mark.parametrize("fault", WITH_VAT, ids=[fault[0] for fault in WITH_VAT])
def test_a_planted_fault_is_also_found_when_vat_is_split_off(
    container: Container, connection: Connection, fresh_systems: Systems, fault: Fault
) -> None:
    find_planted(InvoiceMonth(container, connection, fresh_systems, voucher_vat="gross"), fault)


def find_planted(books: InvoiceMonth, fault: Fault) -> None:
    _, plant, standing, points = fault
    plant(books)
    report = compared(books)
    (found,) = report.discrepancies
    assert (found.type.value, tuple(each.field.value for each in found.differences)) == (standing, points)
    assert report.count("equal") == 3 - (standing != "only in the ledger")


@pytest.mark.parametrize("lines", [None, NET], ids=["sent by the integration", "entered by hand"])
def test_clean_ledgers_agree_however_they_were_entered(
    books: InvoiceMonth, lines: tuple[dict[str, Any], ...] | None
) -> None:
    if lines is None:
        books.send(books.ids[1])
    else:
        books.enter(*lines)
    report = compared(books)
    assert (report.discrepancies, dict(report.counts)) == ([], {"equal": 3})
    assert {total.moment - total.ledger for total in report.totals} == {0}
    assert [(total.account, total.vat_code, total.rate, total.moment) for total in report.totals] == [
        (1500, "", "", 720000),
        (2701, "", "", -75000),
        (2702, "", "", -45000),
        (3000, "3", "25", -300000),
        (3020, "31", "15", -300000),
    ]


def test_records_excluded_in_moment_are_counted_separately(books: InvoiceMonth) -> None:
    books.send(books.ids[1])
    for state in ("doNotTransfer", "transferred"):
        path = f"api/1.0/companies/1001/invoices/{books.invoice(DAY)}"
        books.control("moment", "PATCH", path, {"exportState": state})
    report = compared(books)
    assert report.agree
    assert dict(report.counts) == {"equal": 3, "unwanted": 1, "done": 1}


def test_an_invoice_marked_as_transferred_after_it_was_sent_is_still_compared(
    books: InvoiceMonth,
) -> None:
    books.send(books.ids[1])
    books.control(
        "moment", "PATCH", f"api/1.0/companies/1001/invoices/{books.ids[1]}", {"exportState": "transferred"}
    )
    assert dict(compared(books).counts) == {"equal": 3}


def test_the_due_date_and_department_set_by_the_integration_agree(books: InvoiceMonth) -> None:
    books.container.connections.update(books.connection.id, {"department": 7}, actor="test", now=clock())
    books.send(books.invoice(DAY, dueDate=DAY.replace(day=30).isoformat()), books.ids[1])
    assert dict(compared(books).counts) == {"equal": 4}


def test_drafts_are_not_seen_and_the_report_says_so(books: InvoiceMonth) -> None:
    books.container.connections.update(books.connection.id, {"posting": "draft"}, actor="test", now=clock())
    books.connection = books.container.connections.get(books.connection.id)
    books.send(books.ids[1])
    report = compared(books)
    assert (report.agree, report.drafts, report.count("unseen")) == (True, True, 1)
    assert "Perhaps drafts, which the ledger does not show: 1." in run("--month", f"{YEAR}-10").output


def test_a_voucher_in_another_month_is_recognized_by_its_invoice(books: InvoiceMonth) -> None:
    books.send(books.ids[1])
    books.invoice(DAY.replace(month=11, day=2))
    books.enter(invoice="4")
    (found,) = compared(books).discrepancies
    assert [each.field.value for each in found.differences] == ["month"]


def test_the_command_prints_the_differences_as_table_csv_and_json(books: InvoiceMonth) -> None:
    books.amounts("2400.01", "-1000.01", "-250", "-1000", "-150")
    table = run("--month", f"{YEAR}-10")
    assert table.exit_code == 1
    assert "Amount: 2 400,00 in Moment, 2 400,01 in the ledger" in table.output
    assert "2 equal, 1 different" in table.output
    (row,) = csv.DictReader(
        run("--from", FIRST.isoformat(), "--to", LAST.isoformat(), "--output=csv").output.splitlines()
    )
    assert (row["number"], row["amount"], row["type"]) == ("2", "2400.00", "different")
    result = json.loads(run("--year", str(YEAR), "--output=json").output)
    assert result["discrepancies"][0]["differences"] == [["amount", "2 400,00", "2 400,01"]]


def test_a_spreadsheet_evaluates_no_formula_from_the_ledger(books: InvoiceMonth) -> None:
    books.send(books.ids[1])
    books.enter({"account": 1500, "amount": "-2400"}, {"account": 3100, "amount": "2400"}, invoice="=1+1")
    (row,) = csv.DictReader(run("--month", f"{YEAR}-10", "--output=csv").output.splitlines())
    assert (row["number"], row["amount"]) == ("'=1+1", "-2400.00")


def test_the_command_succeeds_if_the_ledgers_agree(books: InvoiceMonth) -> None:
    books.send(books.ids[1])
    done = run("--month", f"{YEAR}-10")
    assert (done.exit_code, "3 equal, 0 different" in done.output) == (0, True)


def test_all_connections_are_compared_with_one_line_each(books: InvoiceMonth) -> None:
    books.send(books.ids[1])
    run_all = ["reconcile", "--all", "--month", f"{YEAR}-10"]
    assert invoke(*run_all).output.startswith("ok    Demo AS: 3 equal, 0 different\n")
    books.container.connections.add(
        "Fjord AS",
        settings(moment_company="1002", moment_api_key="moment-other-key", password="wrong"),
        actor="test",
        now=clock(),
    )
    books.container.connections.add(
        "Ås AS",
        settings(moment_company="as-as", entity_types=(EntityType.CUSTOMER,)),
        actor="test",
        now=clock(),
    )
    books.invoice(DAY)
    done = invoke(*run_all)
    demo, fjord, without, total = done.output.splitlines()
    assert demo == "BAD   Demo AS: 3 equal, 1 different"
    assert fjord.startswith("BAD   Fjord AS: 24SevenOffice rejected the user name or password")
    assert without == "ok    Ås AS: syncs neither invoices nor expenses"
    assert (done.exit_code, total) == (1, "Connections: 3, with problems: 2.")
    rows = list(csv.DictReader(invoke(*run_all, "--output=csv").stdout.splitlines()))
    assert [(each["connection"], each["status"]) for each in rows[::2]] == [("Demo AS", "bad"), ("Ås AS", "good")]


def test_contradictory_days_are_refused(books: InvoiceMonth) -> None:
    assert run("--month", "2026-10", "--year", "2026").exit_code == 2
    assert run("--to", "2026-10-01").exit_code == 2
    assert "ends before it starts" in run("--from", "2026-10-02", "--to", "2026-10-01").output
    assert books.ids


@pytest.mark.parametrize("days", [("--year", str(YEAR)), ("--month", f"{YEAR}-10")], ids=["year", "month"])
def test_24sevenoffice_gets_under_twenty_calls_even_if_invoices_are_missing(
    books: InvoiceMonth, days: tuple[str, str]
) -> None:
    books.enter(invoice="9001")
    before = calls(books)
    assert run(*days).exit_code == 1
    asked = {
        name: count - before.get(name, 0) for name, count in calls(books).items() if count > before.get(name, 0)
    }
    assert sum(asked.values()) < 20
    assert set(asked) <= {"GetTransactions", "GetFiscalYears", "GetAccountList", "GetTaxCodeList"}


def test_an_invoice_sent_after_a_reconciliation_is_posted_once_and_only_if_missing(books: InvoiceMonth) -> None:
    (found,) = compared(books).discrepancies
    for _ in range(2):
        send(books, found)
    assert compared(books).agree
    assert len([each for each in books.vouchers() if each["lines"][0]["invoice"] == "2"]) == 1


@pytest.mark.parametrize("plant", [lambda it: it.alter(customer=10002), lambda it: it.reverse("hide")])
def test_a_voucher_that_differs_or_is_hidden_is_not_posted_again(
    books: InvoiceMonth, plant: Callable[[InvoiceMonth], None]
) -> None:
    plant(books)
    (found,) = compared(books).discrepancies
    count = len(books.vouchers())
    send(books, found)
    assert len(books.vouchers()) == count
    record = Record(EntityType.INVOICE, found.moment_id)
    job = job_details.find_by_record(books.container.database, books.connection.id, record)
    assert job
    assert job.error_code == "differs"


def send(books: InvoiceMonth, found: Discrepancy) -> None:
    record = Record(EntityType.INVOICE, found.moment_id)
    number = books.connection.id
    discrepancies.resend(
        books.container.database, number, record, name="Invoice 2", actor="kari@example.com", now=clock()
    )
    books.drain_due_lanes()


def calls(books: InvoiceMonth) -> dict[str, int]:
    return dict(books.control("twentyfour", "GET", "calls"))
