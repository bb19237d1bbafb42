from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.words import Kind, Outcome, State
from tests import factories

if TYPE_CHECKING:
    from tests.sync.conftest import World


def sync(world: World, *record_ids: str) -> None:
    world.receive(Kind.PROJECT, *(record_ids or ["8"]))
    world.run()


def test_a_project_brings_its_customer_across_first(world: World) -> None:
    world.moment.put(factories.customer("7"))
    world.moment.put(factories.project("8"))
    sync(world)
    assert world.erp.projects[1].customer_number == 10001
    assert world.erp.projects[1].name == "Kulturhuset"


def test_a_project_without_a_customer_needs_none(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    assert world.erp.projects[1].customer_number is None


def test_an_unchanged_project_is_not_saved_again(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    sync(world)
    assert world.erp.calls["save_project"] == 1
    assert world.change(Kind.PROJECT, "8").outcome is Outcome.UNCHANGED


def test_a_new_client_id_is_brought_to_the_project_at_its_next_change(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    world.change_settings(client_id="4711")
    sync(world)
    assert world.erp.calls["save_project"] == 2


@pytest.mark.parametrize(
    "number", ["", "A-1", "0", "-3", "1.5", "2147483648", "99999999999999999999", "\uff11\uff12"]
)
def test_a_project_number_that_is_no_whole_number_needs_a_person(world: World, number: str) -> None:
    world.moment.put(factories.project("8", number=number, customer_id=""))
    sync(world)
    change = world.change(Kind.PROJECT, "8")
    assert (change.state, change.reason) == (State.STUCK, "project_number")
    assert not world.erp.projects


def test_two_projects_of_moment_cannot_share_a_number(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    world.moment.put(factories.project("9", customer_id=""))
    sync(world, "8")
    sync(world, "9")
    assert world.change(Kind.PROJECT, "9").reason == "taken"


def test_a_project_waits_while_its_customer_needs_a_person_and_follows_it(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    world.moment.put(factories.project("8"))
    sync(world)
    assert world.change(Kind.PROJECT, "8").state is State.WAITING
    assert world.mails() == [("worse", "Customer 7")]
    world.moment.put(factories.customer("7"))
    world.receive(Kind.CUSTOMER, "7")
    world.run()
    assert world.erp.projects[1].customer_number == 10001
