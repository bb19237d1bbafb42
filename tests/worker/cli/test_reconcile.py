"""``python -m worker reconcile`` with the real gateways and the sandbox."""

import csv
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from models.admin import discrepancies, job_actions
from models.connections.repository import Connection
from models.enums import EntityType, Record
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from sync.reconciliation.report import Discrepancy, ReconciliationReport
from tests.factories import settings
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import invoke
from tests.worker.month_of_invoices import DAY, FAULTS, FIRST, LAST, NET, YEAR, Bookkeeping, Fault
from worker.container import Container, clock

ENTERED_ALIKE = {f"wrong {what}" for what in ("sign", "customer", "project", "date", "month", "year", "due date")}
WITH_VAT = [fault for fault in FAULTS if fault[0] not in ENTERED_ALIKE]
"""The faults whose vouchers, or whose comparison, depend on who splits off the VAT."""


@pytest.fixture
def kept(container: Container, connection: Connection, fresh_systems: Systems) -> Bookkeeping:
    return Bookkeeping(container, connection, fresh_systems)


def compared(kept: Bookkeeping) -> ReconciliationReport:
    connection = kept.container.connections.get(kept.connection.id)
    return reconcile(kept.container.open_context(connection, refuse_writes), FIRST, LAST)


def run(*arguments: str) -> Result:
    return invoke("reconcile", "Demo AS", *arguments)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_planted_fault_is_found_and_nothing_else(kept: Bookkeeping, fault: Fault) -> None:
    find_planted(kept, fault)


@pytest.mark.parametrize("fault", WITH_VAT, ids=[fault[0] for fault in WITH_VAT])
def test_a_planted_fault_is_also_found_when_vat_is_split_off(
    container: Container, connection: Connection, fresh_systems: Systems, fault: Fault
) -> None:
    find_planted(Bookkeeping(container, connection, fresh_systems, way="gross"), fault)


def find_planted(kept: Bookkeeping, fault: Fault) -> None:
    _, plant, standing, points = fault
    plant(kept)
    report = compared(kept)
    (found,) = report.discrepancies
    assert (found.type.value, tuple(each.field.value for each in found.differences)) == (standing, points)
    assert report.count("equal") == 3 - (standing != "only in the ledger")


@pytest.mark.parametrize("lines", [None, NET], ids=["sent by the integration", "entered by hand"])
def test_clean_ledgers_agree_however_they_were_entered(
    kept: Bookkeeping, lines: tuple[dict[str, Any], ...] | None
) -> None:
    if lines is None:
        kept.send(kept.ids[1])
    else:
        kept.enter(*lines)
    report = compared(kept)
    assert (report.discrepancies, dict(report.counts)) == ([], {"equal": 3})
    assert {total.moment - total.ledger for total in report.totals} == {0}
    assert [(total.account, total.vat_code, total.rate, total.moment) for total in report.totals] == [
        (1500, "", "", 720000),
        (2701, "", "", -75000),
        (2702, "", "", -45000),
        (3000, "3", "25", -300000),
        (3020, "31", "15", -300000),
    ]


def test_records_excluded_in_moment_are_counted_separately(kept: Bookkeeping) -> None:
    kept.send(kept.ids[1])
    for state in ("doNotTransfer", "transferred"):
        path = f"api/1.0/companies/1001/invoices/{kept.invoice(DAY)}"
        kept.control("moment", "PATCH", path, {"exportState": state})
    report = compared(kept)
    assert report.agree
    assert dict(report.counts) == {"equal": 3, "unwanted": 1, "done": 1}


def test_an_invoice_marked_as_transferred_after_it_was_sent_is_still_compared(
    kept: Bookkeeping,
) -> None:
    kept.send(kept.ids[1])
    kept.control(
        "moment", "PATCH", f"api/1.0/companies/1001/invoices/{kept.ids[1]}", {"exportState": "transferred"}
    )
    assert dict(compared(kept).counts) == {"equal": 3}


def test_the_due_date_and_department_set_by_the_integration_agree(kept: Bookkeeping) -> None:
    kept.container.connections.update(kept.connection.id, {"department": 7}, actor="test", now=clock())
    kept.send(kept.invoice(DAY, dueDate=DAY.replace(day=30).isoformat()), kept.ids[1])
    assert dict(compared(kept).counts) == {"equal": 4}


def test_drafts_are_not_seen_and_the_report_says_so(kept: Bookkeeping) -> None:
    kept.container.connections.update(kept.connection.id, {"posting": "draft"}, actor="test", now=clock())
    kept.connection = kept.container.connections.get(kept.connection.id)
    kept.send(kept.ids[1])
    report = compared(kept)
    assert (report.agree, report.drafts, report.count("unseen")) == (True, True, 1)
    assert "Perhaps drafts, which the ledger does not show: 1." in run("--month", f"{YEAR}-10").output


def test_a_voucher_in_another_month_is_recognized_by_its_invoice(kept: Bookkeeping) -> None:
    kept.send(kept.ids[1])
    kept.invoice(DAY.replace(month=11, day=2))
    kept.enter(invoice="4")
    (found,) = compared(kept).discrepancies
    assert [each.field.value for each in found.differences] == ["month"]


def test_the_command_prints_the_differences_as_table_csv_and_json(kept: Bookkeeping) -> None:
    kept.amounts("2400.01", "-1000.01", "-250", "-1000", "-150")
    table = run("--month", f"{YEAR}-10")
    assert table.exit_code == 1
    assert "Amount: 2 400,00 in Moment, 2 400,01 in the ledger" in table.output
    assert "2 equal, 1 different" in table.output
    (row,) = csv.DictReader(
        run("--from", FIRST.isoformat(), "--to", LAST.isoformat(), "--output=csv").output.splitlines()
    )
    assert (row["number"], row["amount"], row["type"]) == ("2", "2400.00", "different")
    told = json.loads(run("--year", str(YEAR), "--output=json").output)
    assert told["discrepancies"][0]["differences"] == [["amount", "2 400,00", "2 400,01"]]


def test_a_spreadsheet_evaluates_no_formula_from_the_ledger(kept: Bookkeeping) -> None:
    kept.send(kept.ids[1])
    kept.enter({"account": 1500, "amount": "-2400"}, {"account": 3100, "amount": "2400"}, invoice="=1+1")
    (row,) = csv.DictReader(run("--month", f"{YEAR}-10", "--output=csv").output.splitlines())
    assert (row["number"], row["amount"]) == ("'=1+1", "-2400.00")


def test_the_command_succeeds_if_the_ledgers_agree(kept: Bookkeeping) -> None:
    kept.send(kept.ids[1])
    done = run("--month", f"{YEAR}-10")
    assert (done.exit_code, "3 equal, 0 different" in done.output) == (0, True)


def test_all_connections_are_compared_with_one_line_each(kept: Bookkeeping) -> None:
    kept.send(kept.ids[1])
    run_all = ["reconcile", "--all", "--month", f"{YEAR}-10"]
    assert invoke(*run_all).output.startswith("ok    Demo AS: 3 equal, 0 different\n")
    kept.container.connections.add(
        "Fjord AS",
        settings(moment_company="1002", moment_api_key="moment-other-key", password="wrong"),
        actor="test",
        now=clock(),
    )
    kept.container.connections.add(
        "Ås AS",
        settings(moment_company="as-as", entity_types=(EntityType.CUSTOMER,)),
        actor="test",
        now=clock(),
    )
    kept.invoice(DAY)
    done = invoke(*run_all)
    demo, fjord, without, total = done.output.splitlines()
    assert demo == "BAD   Demo AS: 3 equal, 1 different"
    assert fjord.startswith("BAD   Fjord AS: 24SevenOffice rejected the user name or password")
    assert without == "ok    Ås AS: syncs neither invoices nor expenses"
    assert (done.exit_code, total) == (1, "Connections: 3, with problems: 2.")
    rows = list(csv.DictReader(invoke(*run_all, "--output=csv").stdout.splitlines()))
    assert [(each["connection"], each["status"]) for each in rows[::2]] == [("Demo AS", "bad"), ("Ås AS", "good")]


def test_contradictory_days_are_refused(kept: Bookkeeping) -> None:
    assert run("--month", "2026-10", "--year", "2026").exit_code == 2
    assert run("--to", "2026-10-01").exit_code == 2
    assert "ends before it starts" in run("--from", "2026-10-02", "--to", "2026-10-01").output
    assert kept.ids


@pytest.mark.parametrize("days", [("--year", str(YEAR)), ("--month", f"{YEAR}-10")], ids=["year", "month"])
def test_24sevenoffice_gets_under_twenty_calls_even_if_invoices_are_missing(
    kept: Bookkeeping, days: tuple[str, str]
) -> None:
    kept.enter(invoice="9001")
    before = calls(kept)
    assert run(*days).exit_code == 1
    asked = {
        name: count - before.get(name, 0) for name, count in calls(kept).items() if count > before.get(name, 0)
    }
    assert sum(asked.values()) < 20
    assert set(asked) <= {"GetTransactions", "GetFiscalYears", "GetAccountList", "GetTaxCodeList"}


def test_an_invoice_sent_after_a_reconciliation_is_posted_once_and_only_if_missing(kept: Bookkeeping) -> None:
    (found,) = compared(kept).discrepancies
    for _ in range(2):
        send(kept, found)
    assert compared(kept).agree
    assert len([each for each in kept.vouchers() if each["lines"][0]["invoice"] == "2"]) == 1


@pytest.mark.parametrize("plant", [lambda it: it.alter(customer=10002), lambda it: it.reverse("hide")])
def test_a_voucher_that_differs_or_is_hidden_is_not_posted_again(
    kept: Bookkeeping, plant: Callable[[Bookkeeping], None]
) -> None:
    plant(kept)
    (found,) = compared(kept).discrepancies
    count = len(kept.vouchers())
    send(kept, found)
    assert len(kept.vouchers()) == count
    record = Record(EntityType.INVOICE, found.moment_id)
    job = job_actions.find(kept.container.database, kept.connection.id, record)
    assert job
    assert job.error_code == "differs"


def send(kept: Bookkeeping, found: Discrepancy) -> None:
    record = Record(EntityType.INVOICE, found.moment_id)
    number = kept.connection.id
    discrepancies.resend(
        kept.container.database, number, record, name="Invoice 2", actor="kari@example.com", now=clock()
    )
    kept.work_off()


def calls(kept: Bookkeeping) -> dict[str, int]:
    return dict(kept.control("twentyfour", "GET", "calls"))
