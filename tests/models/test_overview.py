from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import breaker, overview
from models.alerts import Alert, Turn
from models.overview import SIZE, Totals, Trouble
from models.words import Kind, Record, Scope, State
from tests.factories import NOW, settings
from tests.models.lanes import INVOICE, settled

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connections

EVERYTHING = Scope()
REST = timedelta(minutes=3)


@pytest.fixture
def ids(connections: Connections) -> dict[str, int]:
    """Connections by name, as they are added."""
    names = ("Nordlys AS", "Fjord AS", "Åsen AS", "granitt as")
    return {name: connections.add(name, settings(), who="test", now=NOW)[0].id for name in names}


def names(database: Database, scope: Scope = EVERYTHING, *, name: str = "") -> list[str]:
    return [standing.name for standing in overview.standings(database, scope, name=name)]


def interrupt(database: Database, connection_id: int) -> None:
    breaker.failed(database, connection_id, now=NOW, rest=lambda _: REST, tell=lambda _: None)


def test_the_troubled_connections_come_first(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    interrupt(database, ids["Nordlys AS"])
    settled(database, ids["granitt as"], state=State.STUCK)
    connections.pause(ids["Åsen AS"], "The password is wrong.", now=NOW)
    assert names(database) == ["Åsen AS", "granitt as", "Nordlys AS", "Fjord AS"]


def test_a_connection_tells_how_it_stands(database: Database, ids: dict[str, int]) -> None:
    there = ids["Fjord AS"]
    settled(database, there, at=NOW)
    settled(database, there, Record(Kind.CUSTOMER, "1"), at=NOW + REST)
    settled(database, there, Record(Kind.INVOICE, "10"), state=State.STUCK)
    settled(database, there, Record(Kind.INVOICE, "11"), state=State.WAITING, message="24SevenOffice is away.")
    interrupt(database, there)
    (standing,) = overview.standings(database, Scope(frozenset({there})))
    assert (standing.waits, standing.stuck, standing.rests_since) == (1, 1, NOW)
    assert standing.problem == "24SevenOffice is away."
    assert standing.synced == {Kind.INVOICE: NOW, Kind.CUSTOMER: NOW + REST}


def test_an_outage_that_is_over_is_not_told(database: Database, ids: dict[str, int]) -> None:
    there = ids["Fjord AS"]
    interrupt(database, there)
    breaker.answered(database, there, now=NOW, alert=Alert(Turn.UP, "", "", "", ()))
    (standing,) = overview.standings(database, Scope(frozenset({there})))
    assert standing.rests_since is None


@pytest.mark.parametrize(
    ("name", "found"),
    [("fjord", ["Fjord AS"]), (" as", ["Fjord AS", "granitt as", "Nordlys AS", "Åsen AS"]), ("%", []), ("_", [])],
)
def test_connections_are_found_by_a_part_of_their_name(
    database: Database, ids: dict[str, int], name: str, found: list[str]
) -> None:
    assert ids
    assert names(database, name=name) == found


def test_a_name_that_is_one_connections_own_means_that_one(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    longer, _ = connections.add("Fjord AS avd. Bergen", settings(), who="test", now=NOW)
    assert overview.called(database, EVERYTHING, "fjord as") == {ids["Fjord AS"]}
    assert overview.called(database, EVERYTHING, "fjord") == {ids["Fjord AS"], longer.id}
    assert overview.called(database, Scope(frozenset({longer.id})), "fjord as") == {longer.id}


def test_nobody_sees_more_than_their_connections(database: Database, ids: dict[str, int]) -> None:
    settled(database, ids["Nordlys AS"], state=State.STUCK, reason="account")
    settled(database, ids["Fjord AS"], state=State.WAITING)
    theirs = Scope(frozenset({ids["Fjord AS"]}))
    assert names(database, theirs) == ["Fjord AS"]
    assert overview.totals(database, theirs) == Totals(connections=1, paused=0, down=0, short=0, waits=1, stuck=0)
    assert overview.troubles(database, theirs) == []


def test_what_needs_a_person_is_told_by_its_reason_the_most_frequent_first(
    database: Database, connections: Connections, ids: dict[str, int]
) -> None:
    for n, name in enumerate(("Nordlys AS", "Fjord AS")):
        settled(database, ids[name], INVOICE, state=State.STUCK, reason="account")
        settled(
            database, ids[name], Record(Kind.CUSTOMER, "1"), state=State.STUCK, reason="no_name" if n else "other"
        )
    settled(database, ids["Fjord AS"], Record(Kind.PROJECT, "1"), state=State.STUCK, reason="account")
    connections.pause(ids["Fjord AS"], "Stocktaking.", who="kari", now=NOW)
    interrupt(database, ids["Åsen AS"])
    assert overview.troubles(database, EVERYTHING) == [
        Trouble("account", 3),
        Trouble("no_name", 1),
        Trouble("other", 1),
    ]
    assert overview.totals(database, EVERYTHING) == Totals(
        connections=4, paused=1, down=1, short=0, waits=0, stuck=5
    )


def test_many_connections_are_told_a_page_at_a_time(database: Database, connections: Connections) -> None:
    for n in range(SIZE + 3):
        connections.add(f"Company {n:03}", settings(), who="test", now=NOW)
    first, second = (overview.standings(database, EVERYTHING, page=page) for page in (1, 2))
    assert (len(first), len(second)) == (SIZE + 1, 3)
    assert first[-1] == second[0]
