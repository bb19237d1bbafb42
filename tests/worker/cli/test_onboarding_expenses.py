"""``python -m worker expenses import``, with the vouchers of a bookkeeper in the sandbox."""

from base64 import b64encode
from typing import Any

import pytest

from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Lane
from models.inbox import cursors
from tests.factories import NOW, settings
from tests.installation import messages
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import run, run_refused
from worker import tasks
from worker.container import Container, clock

SUPPLIER = 20001
ENTITY_TYPES = ("customer", "project", "invoice", "expense")


@pytest.fixture
def connection(container: Container, fresh_systems: Systems) -> Connection:
    """A connection that syncs expenses, with a supplier and project 1."""
    for resource, record in (
        ("customers", {"name": "Nordre Trelast AS", "number": SUPPLIER, "type": "Supplier"}),
        ("projects", {"name": "Villa Solbakken", "number": 1}),
    ):
        fresh_systems.control("twentyfour", "POST", f"books/1/{resource}", record)
    wanted = settings(entity_types=ENTITY_TYPES, expense_accounts="4300, 6590", expense_from="2000-01-01")
    return container.connections.add("Demo AS", wanted, actor="test", now=NOW)[0]


def enter(fresh_systems: Systems, *, account: int = 4300, amount: str = "1250.50", project: int | None = 1) -> int:
    """Enter a voucher with a document, and return its number."""
    lines = [
        {"account": account, "amount": amount, "project": project},
        {"account": 2400, "amount": f"-{amount}", "customer": SUPPLIER},
    ]
    scan = {"content": b64encode(b"%PDF").decode()}
    voucher = {"date": clock().date().isoformat(), "invoice": "F-77", "lines": lines, "files": [scan]}
    return int(fresh_systems.control("twentyfour", "POST", "books/1/vouchers", voucher)["number"])


def expenses(fresh_systems: Systems) -> list[dict[str, Any]]:
    return list(fresh_systems.control("moment", "GET", "books/1001/projectExpenses"))


def dry_run() -> list[str]:
    return run("expenses", "import", "Demo AS", "--days=3", "--dry-run").splitlines()


def sync_now(connection: Connection) -> None:
    run("expenses", "import", connection.name, "--days=3")
    tasks.sync_expenses(connection.id)


@pytest.mark.usefixtures("connection")
def test_a_dry_run_says_what_would_be_imported_and_why_the_rest_would_not(
    container: Container, fresh_systems: Systems
) -> None:
    good, unlisted, nowhere = (
        enter(fresh_systems),
        enter(fresh_systems, account=4500),
        enter(fresh_systems, project=None),
    )
    headings, first, second, third, total = dry_run()
    year = clock().year
    assert headings.split() == ["voucher", "project", "account", "kroner", "files", "why", "not"]
    assert first.startswith(f"Voucher {good}/{year} (Nordre Trelast AS F-77)")
    assert first.split()[-5:] == ["1", "4300", "1", "250,50", "1"]
    assert second.startswith(f"Voucher {unlisted}/{year} ")
    assert second.endswith("  Account 4500 isn't listed for expenses")
    assert third.startswith(f"Voucher {nowhere}/{year} ")
    assert third.endswith("  The cost on account 4300 has no project")
    assert total == "Expenses that would be imported: 1, with files: 1."
    assert expenses(fresh_systems) == []
    assert job_list.latest(container.database, JobFilter()) == []
    assert messages(container) == []


def test_an_import_puts_vouchers_into_the_inbox_and_dispatches(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    enter(fresh_systems)
    assert run("expenses", "import", "Demo AS", "--days=3") == "Vouchers queued: 1.\n"
    assert messages(container) == [("sync_expenses", connection.id)]
    assert cursors.position(container.database, Lane(connection.id, EntityType.EXPENSE)) is None
    tasks.sync_expenses(connection.id)
    assert [(each["amountInclVat"], each["supplierInvoiceNumber"]) for each in expenses(fresh_systems)] == [
        (1250.5, "F-77")
    ]


def test_nothing_is_imported_twice(container: Container, connection: Connection, fresh_systems: Systems) -> None:
    enter(fresh_systems)
    sync_now(connection)
    before = expenses(fresh_systems)
    assert dry_run()[1].endswith("  Already imported")
    sync_now(connection)
    assert expenses(fresh_systems) == before
    assert [each.state for each in job_list.latest(container.database, JobFilter())] == [JobState.DONE]


def test_a_dry_run_says_what_would_be_removed(connection: Connection, fresh_systems: Systems) -> None:
    number = enter(fresh_systems)
    sync_now(connection)
    fresh_systems.control("twentyfour", "POST", f"books/1/vouchers/{number}/reverse", {"method": "hide"})
    assert dry_run()[1].endswith("  It would be removed")
    sync_now(connection)
    assert expenses(fresh_systems) == []


def test_a_dry_run_works_on_a_connection_that_is_not_started(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    enter(fresh_systems)
    container.connections.update(connection.id, {"entity_types": ["invoice"]}, actor="test", now=clock())
    assert dry_run()[-1] == "Expenses that would be imported: 1, with files: 1."
    assert "syncs no expenses" in run_refused("expenses", "import", "Demo AS", "--days=3")
    container.connections.update(connection.id, {"expense_accounts": ""}, actor="test", now=clock())
    assert "lists no accounts" in run_refused("expenses", "import", "Demo AS", "--days=3", "--dry-run")
