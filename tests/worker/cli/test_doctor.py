from collections.abc import Callable

import pytest

from models.connections.repository import Connection
from models.enums import EntityType, Record
from models.inbox import links
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from sync.diagnostics.findings import CheckStatus
from sync.diagnostics.run_checks import DiagnosticsReport
from tests.factories import settings
from tests.installation import add_failed_job
from tests.worker.access_problems import ACCESS_PROBLEMS, Problem
from tests.worker.accounting_problems import ACCOUNTING_PROBLEMS, WARNINGS
from tests.worker.broken_connection import CUSTOMER, DRAFT, OUTGOING, PROJECT, BreakableConnection
from tests.worker.cli.command_runner import invoke
from worker import tasks
from worker.cli import all_connections
from worker.container import Container, clock
from worker.handlers import diagnostics

FOR_A_PERSON = (
    "We can't check whether customer numbers can be edited in Moment",
    "Moment's API key was entered on ",
)
"""What cannot be seen from outside, however healthy a connection is."""


def test_a_healthy_connection_leaves_only_what_no_call_can_verify(breakable: BreakableConnection) -> None:
    findings = breakable.findings()
    assert [each.message for each in findings if each.status is CheckStatus.BAD] == []
    assert all(each.message.startswith(FOR_A_PERSON) for each in findings if each.status is CheckStatus.UNKNOWN)
    result = "\n".join(each.message for each in findings if each.status is CheckStatus.GOOD)
    for words in (
        "accepts the API key for company 1001",
        "Signed in to 24SevenOffice",
        "We can read documents in 24SevenOffice",
        "Moment's next invoice and 24SevenOffice's next voucher both get number 2",
        "receivables account 1500",
        "4000, 4300-4599",
        "an activity called “Expenses”",
        "client id 1001-M",
        "books@example.com",
        "Last webhook for invoices",
    ):
        assert words in result, result


def test_the_doctor_writes_nothing(breakable: BreakableConnection) -> None:
    before = [
        breakable.control("twentyfour", "GET", f"books/1/{resource}") for resource in ("customers", "vouchers")
    ]
    theirs = breakable.control("moment", "GET", "books/1001/projectExpenses")
    breakable.findings()
    assert [
        breakable.control("twentyfour", "GET", f"books/1/{resource}") for resource in ("customers", "vouchers")
    ] == before
    assert breakable.control("moment", "GET", "books/1001/projectExpenses") == theirs
    calls = breakable.control("twentyfour", "GET", "calls")
    assert not [operation for operation in calls if operation.startswith("Save")]
    assert sum(calls.values()) < 25


def named(table: list[Problem]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("infect", "what", "remedy", "setting"), [each[1:] for each in table], ids=[each[0] for each in table]
    )


@named([*ACCESS_PROBLEMS, *ACCOUNTING_PROBLEMS])
def test_each_error_is_named_once_with_its_remedy(
    breakable: BreakableConnection,
    infect: Callable[[BreakableConnection], object],
    what: str,
    remedy: str,
    setting: str,
) -> None:
    infect(breakable)
    [found] = [each for each in breakable.findings() if each.status is CheckStatus.BAD]
    assert any(each in found.message for each in what.split("|"))
    assert remedy in found.remedy
    assert found.setting == setting


@named(WARNINGS)
def test_what_no_call_can_verify_is_a_warning(
    breakable: BreakableConnection,
    infect: Callable[[BreakableConnection], object],
    what: str,
    remedy: str,
    setting: str,
) -> None:
    infect(breakable)
    findings = breakable.findings()
    assert [each.message for each in findings if each.status is CheckStatus.BAD] == []
    unknown = [each for each in findings if each.status is CheckStatus.UNKNOWN]
    [found] = [each for each in unknown if not each.message.startswith(FOR_A_PERSON)]
    assert what in found.message
    assert remedy in found.remedy
    assert found.setting == setting


def test_a_series_lags_behind_while_invoices_are_pending(breakable: BreakableConnection) -> None:
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 1})
    invoice = Record(EntityType.INVOICE, DRAFT)
    enqueue(breakable.container.database, breakable.connection.id, [invoice], now=clock())
    (found,) = [each for each in breakable.findings() if each.setting == "voucher_number"]
    assert (found.status, found.remedy) == (
        CheckStatus.UNKNOWN,
        "Invoices in progress: 1. Compare again once they have synced.",
    )


def test_a_series_may_lag_behind_an_invoice_that_needs_attention(breakable: BreakableConnection) -> None:
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 1})
    add_failed_job(breakable.container, breakable.connection)
    (found,) = [each for each in breakable.findings() if each.setting == "voucher_number"]
    assert (found.status, found.remedy) == (
        CheckStatus.UNKNOWN,
        "Invoices that need attention: 1. Resolve them, then test again.",
    )


def test_the_last_synced_invoice_is_searched_for_by_its_number(breakable: BreakableConnection) -> None:
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 1})
    records = [
        Record(EntityType.INVOICE, DRAFT),
        Record(EntityType.CUSTOMER, CUSTOMER),
        Record(EntityType.PROJECT, PROJECT),
    ]
    enqueue(breakable.container.database, breakable.connection.id, records, now=clock())
    for task in (tasks.sync_customers, tasks.sync_projects, tasks.sync_invoices):
        task(breakable.connection.id)
    assert "Invoice 1 was found in the ledger by its number and date." in [
        each.message for each in breakable.findings()
    ]
    breakable.set(posting="draft")
    assert "found in the ledger" not in "".join(each.message for each in breakable.findings())


def test_an_invoice_that_is_not_found_again_is_a_warning(breakable: BreakableConnection) -> None:
    record, link = Record(EntityType.INVOICE, DRAFT), Link("2026/1")
    links.save(breakable.container.database, breakable.connection.id, record, link, now=clock())
    (found,) = [each for each in breakable.findings() if each.tests == "S12, S18"]
    assert found.status is CheckStatus.UNKNOWN
    assert found.message == "Invoice 1 was synced but can't be found in the ledger by its number."


def test_the_series_needs_no_check_when_24sevenoffice_numbers_the_vouchers(breakable: BreakableConnection) -> None:
    breakable.control("twentyfour", "PUT", f"books/1/series/{OUTGOING}", {"start": 500})
    breakable.set(voucher_number="series")
    (found,) = [each for each in breakable.findings() if each.setting == "voucher_number"]
    assert (found.status, found.message) == (CheckStatus.GOOD, "The next voucher gets number 500 of the series.")


def test_the_command_prints_a_table_and_fails_if_anything_is_bad(breakable: BreakableConnection) -> None:
    healthy = invoke("doctor", "Demo AS")
    assert healthy.exit_code == 0, healthy.output
    assert "ok    S1" in healthy.output
    breakable.set(receivables_account=1501, password="wrong")
    broken = invoke("doctor", "Demo AS")
    assert broken.exit_code == 1
    assert "BAD" in broken.output
    assert "-> Enter user name and password again" in broken.output
    assert "demo-password" not in broken.output
    assert invoke("doctor", "Nobody").exit_code == 2


def test_all_started_connections_are_checked_with_one_line_each(breakable: BreakableConnection) -> None:
    connections = breakable.container.connections
    connections.add(
        "Ny AS", settings(moment_company="ny-as", password="wrong"), actor="test", now=clock(), started=False
    )
    fine = invoke("doctor", "--all")
    assert (fine.exit_code, fine.output.count("ok    Demo AS: ")) == (0, 1), fine.output
    connections.add("Fjord AS", settings(moment_company="fjord-as", password="wrong"), actor="test", now=clock())
    broken = invoke("doctor", "--all")
    *lines, total = broken.output.splitlines()
    assert [line.split(":")[0] for line in lines] == ["ok    Demo AS", "BAD   Fjord AS"]
    assert "24SevenOffice rejected the user name or password" in lines[1]
    assert (broken.exit_code, total) == (1, "Connections: 2, with problems: 1.")


def test_a_crash_on_one_connection_does_not_stop_the_checks_of_others(
    breakable: BreakableConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine, broken = diagnostics.run_diagnostics, breakable.connection.id
    breakable.container.connections.add(
        "Fjord AS", settings(moment_company="fjord-as", password="wrong"), actor="test", now=clock()
    )

    def odd(container: Container, connection: Connection) -> DiagnosticsReport:
        return examine(container, connection) if connection.id != broken else vars(connection)["password"]

    monkeypatch.setattr(diagnostics, "run_diagnostics", odd)
    result = invoke("doctor", "--all")
    *lines, total = result.stdout.splitlines()
    assert "BAD   Demo AS: The integration itself failed (TypeError); see the log." in lines
    assert any("24SevenOffice rejected the user name or password" in line for line in lines)
    assert (result.exit_code, total) == (1, "Connections: 2, with problems: 2.")


def test_checks_of_all_connections_wait_for_spare_requests(
    breakable: BreakableConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = iter([False, False, True])
    monkeypatch.setattr(all_connections, "has_spare_requests", lambda _: next(spare))
    monkeypatch.setattr(all_connections, "RETRY_SECONDS", 0)
    result = invoke("doctor", "--all")
    assert result.stderr == "Waiting for spare 24SevenOffice API quota.\n"
    assert result.stdout.startswith(f"ok    {breakable.connection.name}: ")


@pytest.mark.parametrize("arguments", [[], ["Demo AS", "--all"], ["--all", "--write"]])
def test_either_one_connection_or_all_must_be_given(breakable: BreakableConnection, arguments: list[str]) -> None:
    for command in ("doctor", "reconcile"):
        refused = invoke(command, *arguments)
        assert (refused.exit_code, "Usage: " in refused.output) == (2, True)
    assert breakable.connection
