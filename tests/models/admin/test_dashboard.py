from datetime import timedelta

import pytest

from models.admin import dashboard
from models.admin.dashboard import PAGE_SIZE, ErrorCodeCount, Totals
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, Record, Scope
from models.inbox.transitions import JobEvent
from tests.factories import NOW, settings
from tests.models import outages
from tests.models.completed_jobs import INVOICE, completed_job

EVERYTHING = Scope()
OPEN_FOR = timedelta(minutes=3)


@pytest.fixture
def ids(connections: Connections) -> dict[str, int]:
    """The ids of connections by name, in the order in which they were added."""
    names = ("Nordlys AS", "Fjord AS", "Åsen AS", "granitt as")
    return {
        name: connections.add(name, settings(moment_company=name), actor="test", now=NOW)[0].id for name in names
    }


def names(database: Database, scope: Scope = EVERYTHING, *, name: str = "") -> list[str]:
    return [status.name for status in dashboard.connection_statuses(database, scope, now=NOW, name=name)]


def interrupt(database: Database, connection_id: int) -> None:
    outages.fail(database, connection_id, now=NOW, retry_after=OPEN_FOR)


def test_connections_with_problems_come_first(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    interrupt(database, ids["Nordlys AS"])
    completed_job(database, ids["granitt as"], event=JobEvent.REJECTED)
    connections.pause(ids["Åsen AS"], "The password is wrong.", now=NOW)
    assert names(database) == ["Åsen AS", "granitt as", "Nordlys AS", "Fjord AS"]


def test_a_connection_has_its_status(database: Database, ids: dict[str, int]) -> None:
    connection_id = ids["Fjord AS"]
    completed_job(database, connection_id, at=NOW)
    completed_job(database, connection_id, Record(EntityType.CUSTOMER, "1"), at=NOW + OPEN_FOR)
    completed_job(database, connection_id, Record(EntityType.INVOICE, "10"), event=JobEvent.REJECTED)
    completed_job(
        database,
        connection_id,
        Record(EntityType.INVOICE, "11"),
        event=JobEvent.FAILED,
        message="24SevenOffice is away.",
    )
    interrupt(database, connection_id)
    (status,) = dashboard.connection_statuses(database, Scope(frozenset({connection_id})), now=NOW)
    assert (status.pending, status.needs_attention, status.outage_since) == (1, 1, NOW)
    assert status.outage_cause == "24SevenOffice is away."
    assert status.synced == {EntityType.INVOICE: NOW, EntityType.CUSTOMER: NOW + OPEN_FOR}


def test_an_outage_that_is_over_is_not_shown(database: Database, ids: dict[str, int]) -> None:
    connection_id = ids["Fjord AS"]
    interrupt(database, connection_id)
    outages.recover(database, connection_id, now=NOW)
    (status,) = dashboard.connection_statuses(database, Scope(frozenset({connection_id})), now=NOW)
    assert status.outage_since is None


@pytest.mark.parametrize(
    ("name", "found"),
    [("fjord", ["Fjord AS"]), (" as", ["Fjord AS", "granitt as", "Nordlys AS", "Åsen AS"]), ("%", []), ("_", [])],
)
def test_connections_are_found_by_part_of_their_name(
    database: Database, ids: dict[str, int], name: str, found: list[str]
) -> None:
    assert ids
    assert names(database, name=name) == found


def test_an_exact_name_finds_only_that_connection(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    longer, _ = connections.add(
        "Fjord AS avd. Bergen", settings(moment_company="fjord-as-avd-bergen"), actor="test", now=NOW
    )
    assert dashboard.find_by_name(database, EVERYTHING, "fjord as") == {ids["Fjord AS"]}
    assert dashboard.find_by_name(database, EVERYTHING, "fjord") == {ids["Fjord AS"], longer.id}
    assert dashboard.find_by_name(database, Scope(frozenset({longer.id})), "fjord as") == {longer.id}


def test_users_see_only_their_connections(database: Database, ids: dict[str, int]) -> None:
    completed_job(database, ids["Nordlys AS"], event=JobEvent.REJECTED, error_code="account")
    completed_job(database, ids["Fjord AS"], event=JobEvent.FAILED)
    theirs = Scope(frozenset({ids["Fjord AS"]}))
    assert names(database, theirs) == ["Fjord AS"]
    assert dashboard.totals(database, theirs) == Totals(
        connections=1, not_started=0, paused=0, outage=0, rate_limited=0, pending=1, needs_attention=0
    )
    assert dashboard.error_code_counts(database, theirs) == []


def test_jobs_that_need_attention_are_counted_by_error_code_most_frequent_first(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    for n, name in enumerate(("Nordlys AS", "Fjord AS")):
        completed_job(database, ids[name], INVOICE, event=JobEvent.REJECTED, error_code="account")
        completed_job(
            database,
            ids[name],
            Record(EntityType.CUSTOMER, "1"),
            event=JobEvent.REJECTED,
            error_code="no_name" if n else "other",
        )
    completed_job(
        database,
        ids["Fjord AS"],
        Record(EntityType.PROJECT, "1"),
        event=JobEvent.REJECTED,
        error_code="account",
    )
    connections.pause(ids["Fjord AS"], "Stocktaking.", actor="kari", now=NOW)
    interrupt(database, ids["Åsen AS"])
    assert dashboard.error_code_counts(database, EVERYTHING) == [
        ErrorCodeCount("account", 3),
        ErrorCodeCount("no_name", 1),
        ErrorCodeCount("other", 1),
    ]
    assert dashboard.totals(database, EVERYTHING) == Totals(
        connections=4, not_started=0, paused=1, outage=1, rate_limited=0, pending=0, needs_attention=5
    )


def test_many_connections_are_shown_a_page_at_a_time(database: Database, connections: Connections) -> None:
    for n in range(PAGE_SIZE + 3):
        connections.add(f"Company {n:03}", settings(moment_company=f"c{n}"), actor="test", now=NOW)
    first, second = (dashboard.connection_statuses(database, EVERYTHING, now=NOW, page=page) for page in (1, 2))
    assert (len(first), len(second)) == (PAGE_SIZE + 1, 3)
    assert first[-1] == second[0]
