"""Going live on books that are in use: what is told of each record, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.words import Kind, Outcome, Record, State
from sync import adopting
from sync.adopting import Fate
from sync.records import Company, ProjectDraft
from tests import factories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync.adopting import Prospect
    from sync.desk import Desk
    from tests.sync.conftest import World


def desk_of(world: World) -> Desk:
    return world.open_desk(world.connection, lambda: pytest.fail("Nothing is to be written remotely."))


def fates(prospects: Sequence[Prospect]) -> dict[str, tuple[Fate, str]]:
    return {each.record.id: (each.fate, each.number) for each in prospects}


@pytest.fixture
def used(world: World) -> World:
    """Books in use, and a company in Moment with one record for each fate."""
    world.erp.companies = {
        1: Company(1, "Nordlys Arkitekter AS", "923609016"),
        2: Company(2, "Ola Nordmann"),
        3: Company(3, "Ola Nordmann"),
    }
    world.erp.projects = {
        1: ProjectDraft(1, "Kulturhuset", 1),
        2: ProjectDraft(2, "Brannstasjonen", 1),
        3: ProjectDraft(3, "Svømmehallen", 2),
    }
    for customer in (
        factories.customer("7"),
        factories.customer("8", name="Ola Nordmann", organization_number=""),
        factories.customer("9", name="Fjord AS", organization_number="", email=""),
        factories.customer("10", name=" "),
        factories.customer("11"),
    ):
        world.moment.put(customer)
    for project in (
        factories.project("21"),
        factories.project("22", number="2", name="Biblioteket"),
        factories.project("23", number="3", name="Svømmehallen", customer_id="9"),
        factories.project("24", number="4"),
        factories.project("25", number="A-5"),
        factories.project("26", customer_id=""),
    ):
        world.moment.put(project)
    return world


TOLD = {
    "7": (Fate.CERTAIN, "1"),
    "8": (Fate.UNCLEAR, ""),
    "9": (Fate.NEW, ""),
    "10": (Fate.WRONG, ""),
    "11": (Fate.UNCLEAR, ""),
    "21": (Fate.CERTAIN, "1"),
    "22": (Fate.UNCLEAR, ""),
    "23": (Fate.UNCLEAR, ""),
    "24": (Fate.NEW, ""),
    "25": (Fate.WRONG, ""),
    "26": (Fate.UNCLEAR, ""),
}


def test_a_survey_tells_what_would_become_of_everything_and_writes_nothing(used: World) -> None:
    desk = desk_of(used)
    assert fates(adopting.survey(desk)) == TOLD
    assert used.erp.calls == {"register": 1, "held_projects": 1}
    assert desk.link(Record(Kind.CUSTOMER, "7")) is None
    used.run()
    assert len(used.erp.companies) == 3


def test_what_is_certain_is_linked_what_is_unclear_asked_and_the_rest_left_to_the_flows(used: World) -> None:
    desk = desk_of(used)
    adopting.adopt(desk, adopting.survey(desk), create=False)
    used.run()
    assert used.moment.customers["7"].number == "1"
    assert used.erp.companies[1].moment_id == "7"
    assert used.change(Kind.PROJECT, "21").outcome is Outcome.SYNCED
    asked = {"8": "which_customer", "11": "which_customer", "22": "project_taken", "26": "taken"}
    for record_id, reason in asked.items():
        change = used.change(Kind.CUSTOMER if record_id in "811" else Kind.PROJECT, record_id)
        assert (change.state, change.reason) == (State.STUCK, reason)
    assert set(used.erp.projects) == {1, 2, 3}


def test_it_may_be_done_again_and_then_creates_what_is_new_on_demand(used: World) -> None:
    for create in (False, True, True):
        desk = desk_of(used)
        adopting.adopt(desk, adopting.survey(desk), create=create)
        used.run()
    assert sorted(each.name for each in used.erp.companies.values()) == [
        "Fjord AS",
        "Nordlys Arkitekter AS",
        "Ola Nordmann",
        "Ola Nordmann",
    ]
    assert set(used.erp.projects) == {1, 2, 3, 4}
    again = fates(adopting.survey(desk_of(used)))
    assert {again[record_id][0] for record_id in ("7", "9", "21", "24")} == {Fate.LINKED}
    assert [again[record_id] for record_id in ("8", "11", "22", "26")] == [(Fate.UNCLEAR, "")] * 4


def test_a_record_that_another_took_in_the_meantime_is_asked_about(used: World) -> None:
    desk = desk_of(used)
    prospects = adopting.survey(desk)
    desk_of(used).save_link(Record(Kind.CUSTOMER, "11"), remote_id="1")
    told = fates(adopting.adopt(desk, prospects, create=False))
    assert told["7"] == (Fate.UNCLEAR, "1")
    used.run()
    assert used.change(Kind.CUSTOMER, "7").reason == "which_customer"


def test_only_the_kinds_that_travel_are_looked_at(used: World) -> None:
    used.change_settings(kinds={Kind.PROJECT})
    assert {each.record.kind for each in adopting.survey(desk_of(used))} == {Kind.PROJECT}
