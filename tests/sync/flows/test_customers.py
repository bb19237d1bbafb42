from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.words import Kind, Outcome, State
from sync.errors import Unavailable, Uncertain
from sync.records import Company
from tests import factories

if TYPE_CHECKING:
    from tests.sync.conftest import World


def sync(world: World, *record_ids: str) -> None:
    world.receive(Kind.CUSTOMER, *(record_ids or ["7"]))
    world.run()


def test_a_new_customer_is_saved_and_its_number_returned_to_moment(world: World) -> None:
    world.moment.put(factories.customer("7"))
    sync(world)
    assert world.erp.companies == {10001: Company(10001, "Nordlys Arkitekter AS", "923609016", "7")}
    assert world.moment.customers["7"].number == "10001"
    assert world.change(Kind.CUSTOMER, "7").outcome is Outcome.SYNCED


def test_the_echo_of_the_returned_number_makes_no_call_to_24sevenoffice(world: World) -> None:
    world.moment.put(factories.customer("7"))
    sync(world)
    world.erp.calls.clear()
    sync(world)
    assert not world.erp.calls
    assert world.change(Kind.CUSTOMER, "7").outcome is Outcome.UNCHANGED


def test_a_changed_customer_overwrites_the_same_company(world: World) -> None:
    world.moment.put(factories.customer("7"))
    sync(world)
    world.moment.put(factories.customer("7", name="Nordlys AS", number="10001"))
    sync(world)
    assert world.erp.companies == {10001: Company(10001, "Nordlys AS", "923609016", "7")}


def test_many_customers_are_saved_in_one_call(world: World) -> None:
    world.moment.put(factories.customer("7"))
    world.moment.put(factories.customer("8", name="Fjord AS", organization_number=""))
    sync(world, "7", "8")
    assert world.erp.calls["save_companies"] == 1
    assert [world.moment.customers[each].number for each in "78"] == ["10001", "10002"]


def test_a_refused_customer_holds_up_no_other(world: World) -> None:
    world.moment.put(factories.customer("7", name="Refused AS"))
    world.moment.put(factories.customer("8", name="Fjord AS"))
    sync(world, "7", "8")
    assert world.change(Kind.CUSTOMER, "7").state is State.STUCK
    assert world.change(Kind.CUSTOMER, "8").outcome is Outcome.SYNCED
    assert world.mails() == [("worse", "Customer Refused AS")]


def test_a_customer_whose_save_lost_its_answer_is_found_again_by_its_external_id(world: World) -> None:
    world.moment.put(factories.customer("7"))
    world.erp.fails_after["save_companies"] = [Uncertain("No answer.")]
    sync(world)
    world.later(hours=1)
    world.run()
    assert list(world.erp.companies) == [10001]
    assert world.moment.customers["7"].number == "10001"


def test_a_number_that_could_not_be_returned_is_returned_later(world: World) -> None:
    world.moment.put(factories.customer("7"))
    world.moment.fails_before["return_customer_number"] = [Unavailable("Moment is down.")]
    sync(world)
    assert world.moment.customers["7"].number == ""
    world.later(hours=1)
    world.run()
    assert world.moment.customers["7"].number == "10001"
    assert world.erp.calls["save_companies"] == 1


def test_a_number_changed_by_hand_in_moment_is_put_right_since_24sevenoffice_is_its_master(world: World) -> None:
    world.moment.put(factories.customer("7"))
    sync(world)
    world.moment.put(factories.customer("7", number="555"))
    sync(world)
    assert world.moment.customers["7"].number == "10001"


def test_a_customer_known_to_both_systems_before_is_linked_by_its_number(world: World) -> None:
    world.erp.companies[10001] = Company(10001, "NORDLYS ARKITEKTER AS", "923 609 016")
    world.moment.put(factories.customer("7", number="10001"))
    sync(world)
    assert list(world.erp.companies) == [10001]


def test_a_number_that_is_another_companys_in_24sevenoffice_is_not_taken_over(world: World) -> None:
    world.erp.companies[10001] = Company(10001, "Helt Andre AS", "974760673")
    world.moment.put(factories.customer("7", number="10001"))
    sync(world)
    assert world.erp.companies[10001].name == "Helt Andre AS"
    assert world.moment.customers["7"].number == "10002"


def test_a_deleted_customer_is_skipped(world: World) -> None:
    sync(world)
    assert world.change(Kind.CUSTOMER, "7").outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"name": " \x00 "}, "no_name"),
        ({"organization_number": "923609017"}, "organization_number"),
        ({"organization_number": "12345"}, "organization_number"),
    ],
)
def test_a_customer_that_24sevenoffice_cannot_take_needs_a_person(
    world: World, values: dict[str, str], reason: str
) -> None:
    world.moment.put(factories.customer("7", **values))
    sync(world)
    change = world.change(Kind.CUSTOMER, "7")
    assert (change.state, change.reason) == (State.STUCK, reason)
    assert not world.erp.companies


def test_a_corrected_customer_goes_through_and_the_mail_says_so(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    sync(world)
    world.moment.put(factories.customer("7"))
    sync(world)
    assert world.change(Kind.CUSTOMER, "7").outcome is Outcome.SYNCED
    assert [turn for turn, _ in world.mails()] == ["worse", "better"]
