from typing import Any

import pytest

from models.admin import match_questions
from models.enums import EntityType, JobState, Outcome
from sync.errors import OutcomeUnknownError
from sync.records import ProjectDraft
from tests import factories
from tests.sync.conftest import World


def sync(world: World, *record_ids: str) -> None:
    world.receive(EntityType.PROJECT, *(record_ids or ["8"]))
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
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.UNCHANGED


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
    job = world.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "project_number")
    assert not world.erp.projects


def test_two_projects_of_moment_cannot_share_a_number(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    world.moment.put(factories.project("9", customer_id=""))
    sync(world, "8")
    sync(world, "9")
    assert world.job(EntityType.PROJECT, "9").error_code == "taken"


def test_a_project_waits_while_its_customer_needs_a_person_and_follows_it(world: World) -> None:
    world.moment.put(factories.customer("7", name=""))
    world.moment.put(factories.project("8"))
    sync(world)
    assert world.job(EntityType.PROJECT, "8").state is JobState.WAITING
    assert world.mails() == [("needs_attention", "Customer 7")]
    world.moment.put(factories.customer("7"))
    world.receive(EntityType.CUSTOMER, "7")
    world.run()
    assert world.erp.projects[1].customer_number == 10001


def held(world: World, **values: Any) -> None:
    world.erp.projects[1] = ProjectDraft(**{"number": 1, "name": "Kulturhuset", **values})


def test_a_project_of_the_same_number_and_name_is_taken_over(world: World) -> None:
    held(world, name="KULTURHUSET")
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    assert world.erp.projects[1].name == "Kulturhuset"
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize("other", [{"name": "Brannstasjonen"}, {"customer_number": 4711}])
def test_a_project_whose_number_another_one_has_is_asked_about_before_it_overwrites_that(
    world: World, other: dict[str, Any]
) -> None:
    held(world, **other)
    before = world.erp.projects[1]
    world.moment.put(factories.customer("7"))
    world.moment.put(factories.project("8"))
    sync(world)
    job = world.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code, world.erp.projects[1]) == (
        JobState.NEEDS_ATTENTION,
        "project_taken",
        before,
    )
    assert (
        match_questions.answer(world.database, job.id, match_questions.NEW, actor="test", now=world.now).count == 0
    )
    assert match_questions.answer(world.database, job.id, "1", actor="test", now=world.now).count == 1
    world.run()
    assert world.erp.projects[1].name == "Kulturhuset"
    assert world.erp.projects[1].customer_number == 10001


def test_a_project_that_gets_another_number_in_moment_goes_through(world: World) -> None:
    held(world, name="Brannstasjonen")
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    world.moment.put(factories.project("8", customer_id="", number="2"))
    sync(world)
    assert (world.erp.projects[1].name, world.erp.projects[2].name) == ("Brannstasjonen", "Kulturhuset")


def test_the_numbers_of_a_batch_are_looked_for_in_one_call(world: World) -> None:
    for number in range(1, 11):
        world.moment.put(factories.project(str(number), number=str(number), customer_id=""))
    sync(world, *map(str, range(1, 11)))
    world.moment.put(factories.project("8", number="8", name="Kulturhuset, trinn 2", customer_id=""))
    sync(world)
    assert (world.erp.calls["existing_projects"], world.erp.calls["save_project"]) == (1, 11)


def test_a_project_whose_save_lost_its_answer_is_not_taken_for_another(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    world.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    sync(world)
    world.later(hours=1)
    world.run()
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize(
    ("client_id", "outcome"), [("4711", Outcome.SYNCED), ("4712", Outcome.FAILED), ("", Outcome.FAILED)]
)
def test_a_project_renamed_after_its_save_lost_the_answer_is_known_by_the_client_id(
    world: World, client_id: str, outcome: Outcome
) -> None:
    world.change_settings(client_id=client_id)
    world.erp.client_id = client_id and "4711"
    world.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    world.moment.put(factories.project("8", customer_id=""))
    sync(world)
    world.moment.put(factories.project("8", customer_id="", name="Kulturhuset, trinn 2"))
    world.later(hours=1)
    sync(world)
    assert world.job(EntityType.PROJECT, "8").outcome is outcome
    assert (world.erp.projects[1].name == "Kulturhuset, trinn 2") is (outcome is Outcome.SYNCED)


def test_two_projects_of_moment_with_one_number_in_one_batch_do_not_overwrite_each_other(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    world.moment.put(factories.project("9", name="Brannstasjonen", customer_id=""))
    sync(world, "8", "9")
    assert world.erp.projects[1].name == "Kulturhuset"
    assert world.job(EntityType.PROJECT, "9").error_code == "taken"
