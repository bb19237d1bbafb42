"""``python -m worker connections backfill``, and its pace."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from i18n.formatting import OSLO
from integrations.twentyfour.budget import RESERVE_PERCENT
from integrations.twentyfour.budget_scripts import EVENTS
from models.admin import audit_log
from models.connections.account_ranges import AccountRanges
from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record, Scope
from models.inbox import links
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from models.schema.tables import Base
from sync.errors import RateLimitedError, UnavailableError
from tests.factories import NOW
from tests.installation import messages
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import run, run_refused
from worker import tasks
from worker.cli.backfill import retry_while_unavailable
from worker.container import Container, clock
from worker.handlers.onboarding import BATCH_SIZE, create_backfill, has_room

DRAFT = "106939080"
READS = {
    "Login",
    "GetTransactions",
    "GetAccountList",
    "GetTaxCodeList",
    "GetFiscalYears",
    "GetIdentitiesWithCredential",
}


@pytest.fixture
def lane(connection: Connection) -> Lane:
    return Lane(connection.id, EntityType.INVOICE)


@pytest.fixture
def finalized(fresh_systems: Systems) -> dict[str, Any]:
    """An invoice of today without a webhook."""
    return dict(fresh_systems.control("moment", "POST", f"companies/1001/invoices/{DRAFT}/finalize"))


def backfill(*more: str) -> list[str]:
    return run(*command(*more)).splitlines()


def command(*more: str) -> tuple[str, ...]:
    year = clock().year
    return ("connections", "backfill", "Demo AS", f"--from={year - 1}-01-01", f"--to={year + 1}-12-31", *more)


def everything(container: Container) -> dict[str, int]:
    with container.database.transaction() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


@pytest.mark.usefixtures("connection", "finalized")
def test_a_dry_run_shows_the_vouchers_that_would_be_posted_and_only_reads(
    container: Container, fresh_systems: Systems
) -> None:
    before, moment = everything(container), fresh_systems.control("moment", "GET", "books")
    headings, owed, earned, vat, _, _, customer, project, _, _, total = backfill("--dry-run")
    today = f"{clock().astimezone(OSLO):%Y-%m-%d}"
    assert headings.split() == [
        "date",
        "voucher",
        "customer",
        "account",
        "project",
        "VAT",
        "code",
        "debit",
        "credit",
    ]
    assert owed.split() == [today, "1", *["Nordlys", "Arkitekter", "AS", "(new)"], "1500", "1", "15", "625,00"]
    assert earned.split() == ["3000", "1", "3", "12", "500,00"]
    assert vat.split() == ["2701", "3", "3", "125,00"]
    assert customer.split("  ") == ["Customer Nordlys Arkitekter AS", "would be saved"]
    assert project.split() == ["Project", "1", "would", "be", "saved"]
    assert total == "Vouchers that would be posted: 1, 15 625,00 kroner in total. Nothing was written."
    calls = fresh_systems.control("twentyfour", "GET", "calls")
    assert calls.keys() <= READS
    assert everything(container) == before
    assert fresh_systems.control("moment", "GET", "books") == moment
    assert messages(container) == []


@pytest.mark.usefixtures("finalized")
def test_a_dry_run_says_what_would_not_be_posted_and_why(
    container: Container, lane: Lane, fresh_systems: Systems
) -> None:
    path = f"api/1.0/companies/1001/invoices/{DRAFT}"
    fresh_systems.control("moment", "PATCH", path, {"exportState": "doNotTransfer"})
    _, line, _, brought, _ = backfill("--dry-run", "--entity-type=invoice")
    assert line == "Invoice 1  Set to “do not transfer” to accounting in Moment."
    assert brought == "Already synced or in progress: 0."
    links.save(container.database, lane.connection_id, Record(EntityType.INVOICE, DRAFT), Link("2026/1"), now=NOW)
    assert backfill("--dry-run", "--entity-type=invoice")[0] == "Already synced or in progress: 1."


def work(lane: Lane) -> Callable[[float], None]:
    """Run the due jobs whenever the backfill waits, as a worker does."""
    turns = [tasks.sync_customers, tasks.sync_projects, tasks.sync_invoices]

    def sleep(_: float) -> None:
        for task in turns:
            task(lane.connection_id)

    return sleep


@pytest.mark.usefixtures("finalized")
def test_the_command_syncs_all_in_order_and_prints_their_status(
    container: Container, lane: Lane, monkeypatch: pytest.MonkeyPatch, fresh_systems: Systems
) -> None:
    monkeypatch.setattr(time, "sleep", work(lane))
    output = backfill()
    (entry,) = audit_log.page(container.database, Scope()).lines[:1]
    assert (entry.actor, entry.action.partition(":")[2]) == ("CLI", " customers, invoices, projects")
    assert entry.action.startswith("Started a backfill from ")
    assert [line.split() for line in output[-3:]] == [
        ["customer", "1", "1", "0", "0"],
        ["project", "1", "1", "0", "0"],
        ["invoice", "1", "1", "0", "0"],
    ]
    vouchers = fresh_systems.control("twentyfour", "GET", "books/1/vouchers")
    assert [each["number"] for each in vouchers] == [1]
    assert [line.split()[2] for line in backfill()[-3:]] == ["1", "1", "1"]
    assert fresh_systems.control("twentyfour", "GET", "calls")["SaveBundleList"] == 1


def test_there_is_room_while_few_jobs_are_due(container: Container, lane: Lane) -> None:
    records = [Record(EntityType.INVOICE, str(number)) for number in range(BATCH_SIZE)]
    enqueue(container.database, lane.connection_id, records[1:], now=clock())
    assert has_room(container, lane)
    enqueue(container.database, lane.connection_id, records[:1], now=clock())
    assert not has_room(container, lane)


def test_there_is_no_room_when_only_the_reserve_for_events_is_left(container: Container, lane: Lane) -> None:
    limit, reserve = container.settings.twentyfour_requests_per_hour, RESERVE_PERCENT
    minute = int(clock().timestamp()) // 60
    container.redis.hset(EVENTS, str(minute), limit * (100 - reserve) // 100 - 10)
    assert has_room(container, lane)
    container.redis.hset(EVENTS, str(minute), limit * (100 - reserve) // 100)
    assert not has_room(container, lane)


def test_a_backfills_own_requests_count_as_polls(container: Container, connection: Connection) -> None:
    today = clock().date()
    erp = create_backfill(container, connection, first=today, last=today).context.erp
    erp.booked(today, today, costs=AccountRanges(()))
    usage = container.budget.usage()
    assert usage
    assert (usage.events, usage.polls > 0) == (0, True)


def test_an_unavailable_system_is_called_again_when_it_says_or_after_a_while() -> None:
    waits: list[float] = []
    answers: list[Exception | str] = [
        RateLimitedError("Used up.", error_code="budget", retry_after=timedelta(seconds=90)),
        UnavailableError("Down."),
        "here",
    ]

    def ask() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry_while_unavailable(ask, sleep=waits.append) == "here"
    assert waits == [90, 30]


@pytest.mark.usefixtures("finalized")
def test_a_paused_connection_ends_the_command_with_its_reason(container: Container, lane: Lane) -> None:
    container.connections.pause(lane.connection_id, "The password is wrong.", now=clock())
    assert "The password is wrong." in run_refused(*command())


def test_types_not_synced_and_a_period_that_ends_before_it_starts_are_refused(
    container: Container, lane: Lane
) -> None:
    container.connections.update(lane.connection_id, {"entity_types": ["customer"]}, actor="test", now=clock())
    assert "does not sync invoices" in run_refused(*command("--entity-type=invoice"))
    assert "ends before it starts" in run_refused(*command("--to=2000-01-01"))
