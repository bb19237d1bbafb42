"""Every assumption is tested by the checks, by the write tests, by both, or by neither for a reason, as its page says."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from models.enums import EntityType, Record
from models.inbox.enqueue import enqueue
from sync.diagnostics.findings import Finding
from sync.diagnostics.run_write_tests import run_write_tests
from sync.diagnostics.write_tests.artifacts import WriteTestArtifacts
from tests.sandbox.serving import Systems
from tests.worker.broken_connection import CUSTOMER, DRAFT, PROJECT, BreakableConnection, healthy_connection
from worker import tasks
from worker.container import Container, clock
from worker.handlers import diagnostics

PAGE = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text()
TESTED_BY = dict(re.findall(r"^\| ([SM]\d+) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE))
NUMBERS = re.findall(r"^\| ([SM]\d+) \|", PAGE, re.MULTILINE)


@pytest.fixture
def connection_in_use(container: Container, fresh_systems: Systems) -> BreakableConnection:
    """A connection with a synced invoice and one in euros."""
    breakable = healthy_connection(container, fresh_systems)
    breakable.control("twentyfour", "PUT", "books/1/series/1", {"start": 1})
    records = [
        Record(EntityType.CUSTOMER, CUSTOMER),
        Record(EntityType.PROJECT, PROJECT),
        Record(EntityType.INVOICE, DRAFT),
    ]
    enqueue(container.database, breakable.connection.id, records, now=clock())
    for task in (tasks.sync_customers, tasks.sync_projects, tasks.sync_invoices):
        task(breakable.connection.id)
    breakable.invoice_in("EUR", rate=11.5)
    return breakable


def numbers_in(findings: Iterable[Finding]) -> set[str]:
    return {number for finding in findings for number in finding.tests.split(", ")} - {""}


def numbers_tested_by(way: str) -> set[str]:
    return {number for number, tested_by in TESTED_BY.items() if f"`{way}`" in tested_by}


def write_tested(breakable: BreakableConnection, **changes: object) -> set[str]:
    breakable.set(**changes)
    connection = breakable.container.connections.get(breakable.connection.id)
    return numbers_in(
        run_write_tests(diagnostics.target_of(breakable.container, connection), WriteTestArtifacts(lambda _: None))
    )


def test_each_assumption_names_its_test_or_why_it_has_none() -> None:
    assert list(TESTED_BY) == NUMBERS
    shapes = re.compile(r"`doctor`|`--write`|`doctor`, `--write`|neither: \w.{10,}")
    assert [number for number, tested_by in TESTED_BY.items() if not shapes.fullmatch(tested_by)] == []


def test_the_doctor_tests_the_assumptions_that_the_page_names(connection_in_use: BreakableConnection) -> None:
    assert numbers_in(connection_in_use.findings()) == numbers_tested_by("doctor")


def test_the_write_tests_cover_the_assumptions_that_the_page_names(connection_in_use: BreakableConnection) -> None:
    by_number = write_tested(connection_in_use, factoring_id=10001)
    assert by_number | write_tested(connection_in_use, voucher_number="series") == numbers_tested_by("--write")
