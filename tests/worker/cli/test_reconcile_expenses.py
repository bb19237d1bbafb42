"""The reconciliation of expenses with the real gateways and the sandbox."""

import csv
import json
from datetime import date

import pytest
from click.testing import Result

from models.connections.repository import Connection
from sync.onboarding.preview import refuse_writes
from sync.reconciliation.compare import reconcile
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import invoke
from tests.worker.month_of_expenses import COST, FAULTS, OWED, SECOND, ExpenseMonth, Fault, expense
from tests.worker.month_of_invoices import DAY, FIRST, LAST, YEAR
from worker.container import Container

OCTOBER = ("--month", f"{YEAR}-10")


@pytest.fixture
def books(container: Container, connection: Connection, fresh_systems: Systems) -> ExpenseMonth:
    return ExpenseMonth(container, connection, fresh_systems)


def run(*arguments: str) -> Result:
    return invoke("reconcile", "Demo AS", *arguments)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_planted_fault_is_found_and_nothing_else(books: ExpenseMonth, fault: Fault) -> None:
    _, plant, standing, points = fault
    plant(books)
    report = books.reconcile_expenses()
    (found,) = report.discrepancies
    assert (found.type.value, tuple(each.field.value for each in found.differences)) == (standing, points)
    assert report.count("equal") == 2 + ("49999" in found.expense)


def test_clean_ledgers_agree(books: ExpenseMonth) -> None:
    books.sync_now(SECOND)
    report = books.reconcile_expenses()
    assert (report.discrepancies, report.counts) == ([], {"equal": 3})
    (total,) = report.totals
    assert (total.account, total.moment, total.ledger) == (4300, 375000, 375000)


@pytest.mark.parametrize(("month", "found"), [(7, ["date"]), (11, [])])
def test_an_expense_is_compared_in_the_month_of_its_voucher_and_in_its_own(
    books: ExpenseMonth, month: int, found: list[str]
) -> None:
    books.alter(expenseDate=DAY.replace(month=7).isoformat())
    report = books.reconcile_expenses(date(YEAR, month, 1), date(YEAR, month, 30))
    assert [point.field.value for each in report.discrepancies for point in each.differences] == found


def test_an_expense_dated_in_another_year_is_reported_there_too(books: ExpenseMonth) -> None:
    books.alter(expenseDate=f"{YEAR + 1}-01-02")
    (found,) = books.reconcile_expenses(date(YEAR + 1, 1, 1), date(YEAR + 1, 1, 31)).discrepancies
    (point,) = found.differences
    assert (point.field.value, point.moment, point.ledger) == ("date", f"02.01.{YEAR + 1}", str(YEAR))


def test_a_cost_moved_to_another_project_shows_a_missing_and_a_surplus_expense(books: ExpenseMonth) -> None:
    books.correct(0, project=2)
    report = books.reconcile_expenses()
    assert sorted(each.type.value for each in report.discrepancies) == ["not in Moment", "only in Moment"]
    books.resend(report.discrepancies[0])
    assert books.reconcile_expenses().agree


def test_records_left_out_on_purpose_are_counted_but_are_no_difference(books: ExpenseMonth) -> None:
    books.lose_approval()
    elsewhere = [
        {**COST, "project": None, "amount": "1.00"},
        {**COST, "account": 4500, "amount": "1.00"},
        {**COST, "project": 77, "amount": "1.00"},
    ]
    books.twentyfour("POST", "projects", {"number": 77, "name": "Ikke i Moment"})
    books.enter(*elsewhere, {**OWED, "amount": "-3.00"})
    books.moment("POST", "projectExpenses", expense(externalId="reise-7"))
    books.moment("POST", "projectExpenses", expense())
    report = books.reconcile_expenses()
    assert report.agree
    result = {"equal": 2, "not_approved": 1, "no_project": 1, "not_listed": 1, "unknown_project": 1}
    assert report.counts == result


@pytest.mark.parametrize("name", ["x", "1-2-3-4/5", "²-1-1/1/²", "2026-104-40001", "1-1-1/1/" + "9" * 5000])
def test_a_handwritten_external_id_is_reported_as_it_is(books: ExpenseMonth, name: str) -> None:
    books.moment("POST", "projectExpenses", expense(externalId=f"24so:{name}"))
    (found,) = books.reconcile_expenses().discrepancies[-1:]
    assert (found.type.value, found.expense, found.can_be_sent) == ("only in Moment", name, False)
    assert "24so" not in found.voucher_names
    assert run(*OCTOBER).exit_code == 1


def test_a_removed_expense_is_no_discrepancy_once_it_is_known(books: ExpenseMonth) -> None:
    books.delete()
    books.correct(0, comment="Gips og skruer")
    books.sync_now(SECOND)
    report = books.reconcile_expenses()
    assert (report.agree, report.counts) == (True, {"equal": 2, "removed": 1})


def test_expenses_that_the_settings_now_leave_out_stay(books: ExpenseMonth) -> None:
    books.sync_now(SECOND)
    books.update_settings(expense_accounts="6590")
    assert books.reconcile_expenses().counts == {}
    books.update_settings(expense_accounts="4300", expense_from=DAY.replace(day=20))
    assert books.reconcile_expenses().counts == {"equal": 1, "before_first_day": 2, "kept": 2}


def test_expenses_are_not_read_on_a_connection_without_them(books: ExpenseMonth) -> None:
    books.update_settings(entity_types=("customer", "project", "invoice"))
    before = books.calls()
    report = reconcile(books.container.open_context(books.connection, refuse_writes), FIRST, LAST)
    assert report.expenses is None
    assert books.calls().get("GetFileInfo") == before.get("GetFileInfo")


@pytest.mark.parametrize("days", [("--year", str(YEAR)), OCTOBER], ids=["year", "month"])
def test_24sevenoffice_gets_under_twenty_calls_even_with_expenses(
    books: ExpenseMonth, days: tuple[str, str]
) -> None:
    books.lose_approval()
    books.add_unrelated()
    before = sum(books.calls().values())
    assert run(*days).exit_code == 1
    assert sum(books.calls().values()) - before < 20


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault[2] in {"not in Moment", "only in Moment"}])
def test_a_discrepancy_synced_again_is_gone(books: ExpenseMonth, fault: Fault) -> None:
    fault[1](books)
    (found,) = books.reconcile_expenses().discrepancies
    if "49999" in found.expense:
        assert not found.can_be_sent
        return
    assert found.can_be_sent
    for _ in range(2):
        books.resend(found)
    assert books.reconcile_expenses().agree


def test_syncing_an_altered_expense_again_restores_what_the_ledger_says(books: ExpenseMonth) -> None:
    books.alter(amountInclVat=1350, supplierName="Byggmax AS", description="Plank", expenseDate=f"{YEAR}-07-01")
    (found,) = books.reconcile_expenses().discrepancies
    books.resend(found)
    assert books.reconcile_expenses().agree
    assert len(books.expenses()) == 3


def test_syncing_an_invoiced_expense_again_is_not_offered(books: ExpenseMonth) -> None:
    books.alter(amountInclVat=1350)
    books.invoice(books.expenses()[-1]["id"])
    (found,) = books.reconcile_expenses().discrepancies
    assert (found.can_be_sent, found.details[-1]) == (
        False,
        "It is invoiced in Moment, and can no longer be changed.",
    )


def test_for_a_duplicated_expense_the_linked_one_is_named(books: ExpenseMonth) -> None:
    books.duplicate()
    known, twin = (str(each["id"]) for each in books.expenses() if SECOND in each["externalId"])
    (found,) = books.reconcile_expenses().discrepancies
    assert found.details == [f"Moment has it 2 times, under the ids {known}, {twin}: keep {known}."]
    assert not found.can_be_sent


def test_the_command_prints_expenses_as_table_csv_and_json(books: ExpenseMonth) -> None:
    books.alter(amountInclVat=1350)
    table = run(*OCTOBER)
    assert table.exit_code == 1
    assert "Amount: 1 350,00 in Moment, 1 250,00 in the ledger" in table.output
    assert "Expenses: 2 equal, 1 different" in table.output
    (row,) = csv.DictReader(run(*OCTOBER, "--output=csv").output.splitlines())
    assert (row["entity_type"], row["number"], row["amount"]) == ("expense", "F-15", "1250.00")
    assert "40002" in row["vouchers"]
    result = json.loads(run(*OCTOBER, "--output=json").output)
    assert result["expenses"]["discrepancies"][0]["differences"] == [["amount", "1 350,00", "1 250,00"]]
    assert result["expenses"]["counts"] == {"equal": 2}
