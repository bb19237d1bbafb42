from typing import Any

import pytest

from models.admin import job_actions, job_details, match_questions
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import dependencies, links, questions
from sync.errors import OutcomeUnknownError
from sync.records import LedgerLine, ProjectDraft
from tests import factories
from tests.sync.conftest import World


def sync(world: World, *record_ids: str) -> None:
    world.sync(EntityType.PROJECT, *(record_ids or ["8"]))


def test_a_project_syncs_its_customer_first(world: World) -> None:
    world.moment.put(factories.customer("7"), factories.project("8"))
    sync(world)
    assert world.erp.projects[1].customer_number == 10001
    assert world.erp.projects[1].name == "Kulturhuset"


def test_a_name_that_is_too_long_is_cut_with_a_warning(world: World) -> None:
    world.moment.put(factories.project("8", name="N" * 201, customer_id=""))
    for _ in range(2):
        sync(world)
    assert world.erp.projects[1].name == "N" * 200
    assert [each.split(" is longer")[0] for each in world.job(EntityType.PROJECT, "8").warnings] == ["The name"]


def test_a_project_without_a_customer_needs_none(world: World) -> None:
    world.put_and_sync(factories.project("8", customer_id=""))
    assert world.erp.projects[1].customer_number is None


def test_an_unchanged_project_is_not_saved_again(world: World) -> None:
    world.put_and_sync(factories.project("8", customer_id=""))
    sync(world)
    assert world.erp.calls["save_project"] == 1
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.UNCHANGED


def test_a_new_client_id_is_saved_at_the_projects_next_change(world: World) -> None:
    world.put_and_sync(factories.project("8", customer_id=""))
    world.change_settings(client_id="4711")
    sync(world)
    assert world.erp.calls["save_project"] == 2


@pytest.mark.parametrize(
    "number", ["", "A-1", "0", "-3", "1.5", "2147483648", "99999999999999999999", "\uff11\uff12"]
)
def test_a_project_number_that_is_not_an_integer_needs_attention(world: World, number: str) -> None:
    world.put_and_sync(factories.project("8", number=number, customer_id=""))
    job = world.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "project_number")
    assert not world.erp.projects


def test_two_projects_of_moment_cannot_share_a_number(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""), factories.project("9", customer_id=""))
    sync(world, "8")
    sync(world, "9")
    assert world.job(EntityType.PROJECT, "9").error_code == "taken"


def test_a_project_waits_while_its_customer_needs_attention_and_follows_it(world: World) -> None:
    world.moment.put(factories.customer("7", name=""), factories.project("8"))
    sync(world)
    assert world.job(EntityType.PROJECT, "8").state is JobState.WAITING
    assert world.mails() == [("needs_attention", "Customer 7")]
    world.put_and_sync(factories.customer("7"))
    assert world.erp.projects[1].customer_number == 10001


def held(world: World, **values: Any) -> None:
    world.erp.projects[1] = ProjectDraft(**{"number": 1, "name": "Kulturhuset", **values})


def test_a_project_of_the_same_number_and_name_is_taken_over(world: World) -> None:
    held(world, name="KULTURHUSET")
    world.put_and_sync(factories.project("8", customer_id=""))
    assert world.erp.projects[1].name == "Kulturhuset"
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize("other", [{"name": "Brannstasjonen"}, {"customer_number": 4711}])
def test_a_project_whose_number_is_taken_is_asked_about_before_overwriting(
    world: World, other: dict[str, Any]
) -> None:
    held(world, **other)
    before = world.erp.projects[1]
    world.moment.put(factories.customer("7"), factories.project("8"))
    sync(world)
    job = world.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code, world.erp.projects[1]) == (
        JobState.NEEDS_ATTENTION,
        "project_taken",
        before,
    )
    assert (
        match_questions.answer(world.database, job.id, questions.CREATE_NEW, actor="test", now=world.now).count
        == 0
    )
    assert match_questions.answer(world.database, job.id, "1", actor="test", now=world.now).count == 1
    world.run()
    assert world.erp.projects[1].name == "Kulturhuset"
    assert world.erp.projects[1].customer_number == 10001


def test_a_closed_project_is_asked_about_before_it_is_overwritten(world: World) -> None:
    held(world, name="Brannstasjonen")
    world.erp.closed_projects.add(1)
    world.put_and_sync(factories.project("8", customer_id=""))
    job = world.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "project_taken")
    assert job.message == "24SevenOffice has a closed project 1: “Brannstasjonen”."
    assert [each.note for each in match_questions.candidates_of(world.database, job.id)] == ["closed"]
    assert world.erp.projects[1].name == "Brannstasjonen"


def test_a_project_that_gets_another_number_in_moment_is_synced(world: World) -> None:
    held(world, name="Brannstasjonen")
    world.put_and_sync(factories.project("8", customer_id=""))
    world.put_and_sync(factories.project("8", customer_id="", number="2"))
    assert (world.erp.projects[1].name, world.erp.projects[2].name) == ("Brannstasjonen", "Kulturhuset")


def test_the_numbers_of_a_batch_are_searched_for_in_one_call(world: World) -> None:
    for number in range(1, 11):
        world.moment.put(factories.project(str(number), number=str(number), customer_id=""))
    sync(world, *map(str, range(1, 11)))
    world.put_and_sync(factories.project("8", number="8", name="Kulturhuset, trinn 2", customer_id=""))
    assert (world.erp.calls["existing_projects"], world.erp.calls["save_project"]) == (1, 11)


def test_a_project_with_a_lost_response_is_not_mistaken_for_another(world: World) -> None:
    world.moment.put(factories.project("8", customer_id=""))
    world.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    sync(world)
    world.run_after(hours=1)
    assert world.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize(
    ("client_id", "outcome"), [("4711", Outcome.SYNCED), ("4712", Outcome.FAILED), ("", Outcome.FAILED)]
)
def test_a_project_renamed_after_a_lost_response_is_known_by_the_client_id(
    world: World, client_id: str, outcome: Outcome
) -> None:
    world.change_settings(client_id=client_id)
    world.erp.client_id = client_id and "4711"
    world.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    world.put_and_sync(factories.project("8", customer_id=""))
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


def put(world: World, record_id: str, name: str, number: str) -> None:
    world.moment.put(factories.project(record_id, name=name, number=number, customer_id=""))


def stands(world: World, record_id: str) -> tuple[JobState, str]:
    job = world.job(EntityType.PROJECT, record_id)
    return job.state, job.error_code


def link_of(world: World, record_id: str) -> str | None:
    found = links.find(world.database, world.connection.id, Record(EntityType.PROJECT, record_id))
    return found.remote_id if found else None


def test_a_project_that_gets_anothers_number_is_asked_about(world: World) -> None:
    put(world, "8", "Kulturhuset", "1")
    sync(world)
    strangers = world.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    put(world, "8", "Kulturhuset", "500")
    sync(world)
    assert stands(world, "8") == (JobState.NEEDS_ATTENTION, "project_taken")
    assert world.erp.projects[500] == strangers
    put(world, "8", "Kulturhuset", "501")
    sync(world)
    assert (world.erp.projects[501].name, link_of(world, "8")) == ("Kulturhuset", "501")


def test_two_projects_that_swap_numbers_are_both_asked_about(world: World) -> None:
    put(world, "8", "Kulturhuset", "1")
    put(world, "18", "Badet", "2")
    sync(world, "8", "18")
    put(world, "8", "Kulturhuset", "2")
    put(world, "18", "Badet", "1")
    sync(world, "8", "18")
    assert {number: each.name for number, each in world.erp.projects.items()} == {1: "Kulturhuset", 2: "Badet"}
    assert (stands(world, "8")[0], stands(world, "18")[0]) == (JobState.NEEDS_ATTENTION,) * 2
    put(world, "8", "Kulturhuset", "1")
    put(world, "18", "Badet", "2")
    sync(world, "8", "18")
    assert (link_of(world, "8"), link_of(world, "18")) == ("1", "2")


def enter_cost(world: World) -> None:
    """Enter a supplier's voucher on project 500."""
    day = factories.NOW.date()
    lines = [LedgerLine(4300, 10000, day, project_number=500), LedgerLine(2400, -10000, day)]
    world.erp.purchases["2026-4-1"] = lines


def test_while_the_number_of_a_project_is_disputed_its_invoices_and_costs_wait(world: World) -> None:
    world.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    world.begin()
    world.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    world.moment.put(factories.project("8", number="500"), factories.invoice("9"))
    enter_cost(world)
    world.sync(EntityType.PROJECT, "8")
    world.receive(EntityType.INVOICE, "9")
    world.receive(EntityType.EXPENSE, "2026-4-1")
    for _ in range(20):
        world.run()
        world.later(hours=1)
    assert not world.erp.vouchers
    assert not world.moment.expenses
    job = world.job(EntityType.PROJECT, "8")
    assert match_questions.answer(world.database, job.id, "500", actor="test", now=world.now).count == 1
    world.run()
    assert [each.entries[0].project_number for each in world.erp.vouchers.values()] == [500]
    assert [each.project_id for each in world.moment.expenses.values()] == ["8"]


def test_costs_on_a_projects_future_number_wait_for_it(world: World) -> None:
    world.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    world.begin()
    world.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    world.moment.put(factories.project("8", number="500"))
    enter_cost(world)
    world.sync(EntityType.EXPENSE, "2026-4-1")
    assert stands(world, "8") == (JobState.NEEDS_ATTENTION, "project_taken")
    assert not world.moment.expenses


@pytest.mark.parametrize("told", [["8", "28"], ["28"]])
def test_the_number_of_a_project_that_moment_deleted_is_free_for_another(world: World, told: list[str]) -> None:
    put(world, "8", "Kulturhuset", "1")
    sync(world)
    del world.moment.projects["8"]
    put(world, "28", "Nytt prosjekt", "1")
    sync(world, *told)
    assert stands(world, "28") == (JobState.NEEDS_ATTENTION, "project_taken")
    job = world.job(EntityType.PROJECT, "28")
    assert match_questions.answer(world.database, job.id, "1", actor="test", now=world.now).count == 1
    world.run()
    assert (link_of(world, "8"), link_of(world, "28")) == (None, "1")
    deeds = job_details.actions(world.database, world.job(EntityType.PROJECT, "8").id)
    assert [(each.actor, "unlinked from number 1 in 24SevenOffice" in each.action) for each in deeds] == [
        ("the integration", True)
    ]


def test_a_project_saved_under_another_number_is_not_saved_again_until_a_person_retries(world: World) -> None:
    world.erp.own_project_numbers = [9000, 9001]
    put(world, "8", "Kulturhuset", "1")
    for _ in range(5):
        sync(world)
        world.later(hours=1)
    assert stands(world, "8") == (JobState.NEEDS_ATTENTION, "project_number")
    assert list(world.erp.projects) == [9000]
    for _ in range(2):
        world.retry(EntityType.PROJECT, "8")
        world.run()
    assert list(world.erp.projects) == [9000, 9001, 1]
    assert link_of(world, "8") == "1"


def test_costs_wait_patiently_for_a_project_that_cannot_get_its_number(world: World) -> None:
    world.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    world.begin()
    world.moment.put(factories.project("8", number="500", name=""))
    enter_cost(world)
    world.receive(EntityType.EXPENSE, "2026-4-1")
    for _ in range(60):
        world.run()
        dependencies.wake_satisfied(world.database, now=world.now)
        world.later(minutes=1)
    cost = world.job(EntityType.EXPENSE, "2026-4-1")
    assert len(job_details.attempts(world.database, cost.id)) <= 8
    assert not world.moment.expenses
    project = world.only(EntityType.PROJECT, "8")
    job_actions.dismiss(world.database, project, because="No", actor="kari", now=world.now)
    world.run_after(minutes=10)
    cost = world.job(EntityType.EXPENSE, "2026-4-1")
    assert (cost.state, cost.error_code) == (JobState.NEEDS_ATTENTION, "dependency_dismissed")
