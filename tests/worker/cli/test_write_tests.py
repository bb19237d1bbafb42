"""``doctor --write`` against the sandbox: its prompt, the records that it creates, and those that it leaves."""

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from sync.diagnostics.write_tests.artifacts import NAME
from tests.worker.broken_connection import OUTGOING, BreakableConnection
from tests.worker.cli.command_runner import invoke

ROOT = Path(__file__).parents[3]


def run_write_tests(*options: str, typed: str = "") -> Result:
    return invoke("doctor", "Demo AS", "--write", *options, typed=typed)


def records(breakable: BreakableConnection, name: str) -> list[dict[str, Any]]:
    return list(breakable.control("twentyfour", "GET", f"books/1/{name}"))


def posted_vouchers(breakable: BreakableConnection) -> list[dict[str, Any]]:
    """Return the vouchers that the write tests have posted."""
    return [each for each in records(breakable, "vouchers") if each["type"] == "Utgående faktura"]


def test_write_tests_list_their_findings_and_the_records_they_leave(breakable: BreakableConnection) -> None:
    result = run_write_tests("--yes")
    assert result.exit_code == 0, result.output
    for tests in (
        "S1, S10",
        "S2",
        "S4",
        "S9, S12, S18",
        "S14",
        "S21, S56",
        "S24, S27, S41",
        "S58",
        "S26",
        "M4, M15",
        "M4, M11",
        "M5",
        "M14",
    ):
        assert f"  {tests:12}  " in result.output, tests
    left = result.output.partition("What is left:")[2].splitlines()[1:]
    year = records(breakable, "vouchers")[0]["year"]
    assert left == [
        f"  customer 10001 “{NAME}” in 24SevenOffice",
        f"  project 999999 “{NAME}” in 24SevenOffice",
        f"  vouchers 1002 and 1003 of {year} in 24SevenOffice, which cancel each other out",
        f"  the activity “{NAME}” of project 62788980 in Moment",
    ]


def test_records_of_write_tests_are_named_as_such_and_cancel_out(breakable: BreakableConnection) -> None:
    run_write_tests("--yes")
    [test] = [each for each in records(breakable, "customers") if each["external_id"]]
    [project] = records(breakable, "projects")
    assert {test["name"], project["name"]} == {str(NAME)}
    assert (project["number"], project["OrderReferenceNumber"]) == (999_999, "1001-M")
    lines = [line for voucher in posted_vouchers(breakable) for line in voucher["lines"]]
    assert sorted(line["amount"] for line in lines) == ["-0.24", "-0.76", "-1.00", "0.24", "0.76", "1.00"]
    assert str(NAME) in {line["comment"] for line in lines if line["account"] == 1500}
    assert breakable.control("moment", "GET", "books/1001/projectExpenses") == []


@pytest.mark.parametrize("splits", [False, True])
def test_the_right_voucher_vat_is_named_if_the_other_one_is_set(
    breakable: BreakableConnection,
    splits: bool,  # noqa: FBT001 - a case
) -> None:
    breakable.control("twentyfour", "PUT", "books/1/vat", {"splits_vat": splits})
    breakable.set(voucher_vat="net" if splits else "gross")
    output = run_write_tests("--yes").output
    right = "gross" if splits else "net"
    assert f"The correct option for Voucher VAT is “{right}”, but the other one is selected." in output
    lines = [line for voucher in posted_vouchers(breakable) for line in voucher["lines"]]
    assert sum(Decimal(line["amount"]) for line in lines if line["account"] in (2701, 3000)) == 0


def test_a_second_run_creates_no_second_customer_or_project(breakable: BreakableConnection) -> None:
    run_write_tests("--yes")
    again = run_write_tests("--yes")
    assert "perhaps" not in again.output
    assert len([each for each in records(breakable, "customers") if each["external_id"]]) == 1
    assert len(records(breakable, "projects")) == 1
    assert len(posted_vouchers(breakable)) == 4


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "demo as\n", "Fjord Prosjekt AS\n"])
def test_without_the_clients_name_nothing_is_written(breakable: BreakableConnection, typed: str) -> None:
    result = run_write_tests(typed=typed)
    assert result.exit_code in {2, 130}
    assert "a customer, and project 999999; both stay" in result.output  # it is said beforehand
    calls = breakable.control("twentyfour", "GET", "calls")
    assert [operation for operation in calls if operation.startswith("Save")] == []
    assert breakable.control("moment", "GET", "books/1001/projectExpenses") == []


def test_typing_the_clients_name_starts_the_tests(breakable: BreakableConnection) -> None:
    assert "What is left:" in run_write_tests(typed="Demo AS\n").output
    assert len(posted_vouchers(breakable)) == 2


def test_yes_without_write_is_refused(breakable: BreakableConnection) -> None:
    result = invoke("doctor", breakable.connection.name, "--yes")
    assert "--yes requires --write." in result.output
    assert result.exit_code == 2


def test_write_tests_do_not_start_if_the_login_is_refused(breakable: BreakableConnection) -> None:
    breakable.set(password="wrong")
    result = run_write_tests("--yes")
    assert result.exit_code == 2
    assert "This writes in" not in result.output


@pytest.mark.parametrize("fault", ["lose_response", "save_then_error", "save_then_refuse", "truncated"])
def test_a_voucher_saved_without_an_answer_is_found_and_reversed(
    breakable: BreakableConnection, fault: str
) -> None:
    breakable.add_fault("twentyfour", "SaveBundleList", fault)
    assert "which cancel each other out" in run_write_tests("--yes").output.partition("What is left:")[2]
    assert len(posted_vouchers(breakable)) == 2


def test_a_refused_reversal_is_left_to_a_person(breakable: BreakableConnection) -> None:
    fault = {"operation": "SaveBundleList", "kind": "refuse", "skip": 1, "times": 2}
    breakable.control("twentyfour", "POST", "faults", fault)
    result = run_write_tests("--yes")
    assert result.exit_code == 1
    assert "unless voucher 1003 cancels it out, reverse it there" in result.output.partition("What is left:")[2]
    [voucher] = posted_vouchers(breakable)
    assert voucher["number"] == 1002


def test_a_draft_waits_in_the_journal(breakable: BreakableConnection) -> None:
    breakable.set(posting="draft")
    result = run_write_tests("--yes")
    assert "in a journal of 24SevenOffice: delete it there" in result.output
    assert [voucher["posted"] for voucher in posted_vouchers(breakable)] == [False]


def test_numbers_of_the_series_follow_each_other(breakable: BreakableConnection) -> None:
    breakable.set(voucher_number="series")
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 500})
    result = run_write_tests("--yes")
    assert "S10, S19" in result.output
    assert [voucher["number"] for voucher in posted_vouchers(breakable)] == [500, 501]


def test_only_the_command_line_can_run_write_tests() -> None:
    importing = {
        str(path.relative_to(ROOT))
        for room in ("web", "worker", "integrations", "local", "sync")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        and any(
            "write_test" in name for name in (getattr(node, "module", "") or "", *(a.name for a in node.names))
        )
        and "write_test" not in str(path)
    }
    assert importing == {"worker/cli/doctor.py"}
