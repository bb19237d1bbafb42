"""Initial matching on the command line, and a person's answers there."""

from typing import Any

from models.admin import audit_log, job_details
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Record, Scope
from tests.installation import messages
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import run, run_refused
from worker import tasks
from worker.container import Container


def enter(fresh_systems: Systems, name: str, *numbers: int) -> int:
    """Enter a customer in Moment, and one of its name in 24SevenOffice for each number; return its id in Moment."""
    for number in numbers:
        customer = {"name": name, "number": number}
        fresh_systems.control("twentyfour", "POST", "books/1/customers", customer)
    return int(fresh_systems.control("moment", "POST", "api/1.0/companies/1001/customers", {"name": name})["id"])


def customers(fresh_systems: Systems) -> list[dict[str, Any]]:
    return list(fresh_systems.control("twentyfour", "GET", "books/1/customers"))


def started(container: Container) -> list[tuple[str, str]]:
    entries = audit_log.page(container.database, Scope()).lines
    return [(each.actor, each.action) for each in entries if each.action.startswith("Started")]


def test_a_dry_run_shows_the_plan_and_changes_nothing(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    enter(fresh_systems, "Nordlys AS", 10234)
    enter(fresh_systems, "Fjord AS", 10235, 10236)
    enter(fresh_systems, "Ny AS")
    output = run("connections", "match", connection.name, "--dry-run").splitlines()
    rows = {name: line for line in output for name in ("Nordlys AS", "Fjord AS", "Ny AS") if name in line}
    assert rows["Nordlys AS"].split("  ")[-1].strip() == "match"
    assert "10234" in rows["Nordlys AS"]
    assert rows["Fjord AS"].endswith("uncertain  10235, 10236")
    assert rows["Ny AS"].endswith("new")
    assert "--create" in output[-1]
    assert messages(container) == []
    assert started(container) == []
    assert [company["external_id"] for company in customers(fresh_systems)] == ["", "", ""]


def test_a_choice_is_offered_and_saved(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    record = Record(EntityType.CUSTOMER, str(enter(fresh_systems, "Fjord AS", 10235, 10236)))
    run("connections", "match", connection.name)
    assert started(container) == [("CLI", "Started an initial matching")]
    tasks.sync_customers(connection.id)
    job = job_details.find_by_record(container.database, connection.id, record)
    assert job
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "which_customer")
    assert "10236" in run("jobs", "show", str(job.id))
    assert "does not offer that" in run_refused("jobs", "choose", str(job.id), "10001")
    assert "Specify a number" in run_refused("jobs", "choose", str(job.id))
    assert "Specify a number" in run_refused("jobs", "choose", str(job.id), "10235", "--new")
    assert "no choice to undo" in run_refused("jobs", "choose", str(job.id), "--undo")
    assert "Matched with Customer 10236" in run("jobs", "choose", str(job.id), "10236")
    assert "The match was undone." in run("jobs", "choose", str(job.id), "--undo")
    assert "Matched with Customer 10236" in run("jobs", "choose", str(job.id), "10236")
    tasks.sync_customers(connection.id)
    assert {each["number"]: each["external_id"] for each in customers(fresh_systems)} == {
        10235: "",
        10236: record.id,
    }
    assert "10236" not in run("jobs", "show", str(job.id)).partition("Customer number")[0]
