from typing import Any

import pytest

from models.admin import job_actions, job_details, match_questions
from models.enums import EntityType, JobState, Outcome, Record
from models.inbox import dependencies, links, questions
from sync.errors import OutcomeUnknownError
from sync.records import LedgerLine, ProjectDraft
from tests import factories
from tests.sync.conftest import SyncHarness


def sync(harness: SyncHarness, *record_ids: str) -> None:
    harness.sync(EntityType.PROJECT, *(record_ids or ["8"]))


def test_a_project_syncs_its_customer_first(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"), factories.project("8"))
    sync(harness)
    assert harness.erp.projects[1].customer_number == 10001
    assert harness.erp.projects[1].name == "Kulturhuset"


def test_a_name_that_is_too_long_is_cut_with_a_warning(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("8", name="N" * 201, customer_id=""))
    for _ in range(2):
        sync(harness)
    assert harness.erp.projects[1].name == "N" * 200
    assert [each.split(" is longer")[0] for each in harness.job(EntityType.PROJECT, "8").warnings] == ["The name"]


def test_a_project_without_a_customer_needs_none(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.project("8", customer_id=""))
    assert harness.erp.projects[1].customer_number is None


def test_an_unchanged_project_is_not_saved_again(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.project("8", customer_id=""))
    sync(harness)
    assert harness.erp.calls["save_project"] == 1
    assert harness.job(EntityType.PROJECT, "8").outcome is Outcome.UNCHANGED


def test_a_new_client_id_is_saved_at_the_projects_next_change(harness: SyncHarness) -> None:
    harness.put_and_sync(factories.project("8", customer_id=""))
    harness.change_settings(client_id="4711")
    sync(harness)
    assert harness.erp.calls["save_project"] == 2


@pytest.mark.parametrize(
    "number", ["", "A-1", "0", "-3", "1.5", "2147483648", "99999999999999999999", "\uff11\uff12"]
)
def test_a_project_number_that_is_not_an_integer_needs_attention(harness: SyncHarness, number: str) -> None:
    harness.put_and_sync(factories.project("8", number=number, customer_id=""))
    job = harness.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "project_number")
    assert not harness.erp.projects


def test_two_projects_of_moment_cannot_share_a_number(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("8", customer_id=""), factories.project("9", customer_id=""))
    sync(harness, "8")
    sync(harness, "9")
    assert harness.job(EntityType.PROJECT, "9").error_code == "taken"


def test_a_project_waits_while_its_customer_needs_attention_and_follows_it(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7", name=""), factories.project("8"))
    sync(harness)
    assert harness.job(EntityType.PROJECT, "8").state is JobState.WAITING
    assert harness.mails() == [("needs_attention", "Customer 7")]
    harness.put_and_sync(factories.customer("7"))
    assert harness.erp.projects[1].customer_number == 10001


def put_in_erp(harness: SyncHarness, **values: Any) -> None:
    harness.erp.projects[1] = ProjectDraft(**{"number": 1, "name": "Kulturhuset", **values})


def test_an_existing_project_with_the_same_number_and_name_is_linked(harness: SyncHarness) -> None:
    put_in_erp(harness, name="KULTURHUSET")
    harness.put_and_sync(factories.project("8", customer_id=""))
    assert harness.erp.projects[1].name == "Kulturhuset"
    assert harness.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize("other", [{"name": "Brannstasjonen"}, {"customer_number": 4711}])
def test_a_project_whose_number_is_taken_is_asked_about_before_overwriting(
    harness: SyncHarness, other: dict[str, Any]
) -> None:
    put_in_erp(harness, **other)
    before = harness.erp.projects[1]
    harness.moment.put(factories.customer("7"), factories.project("8"))
    sync(harness)
    job = harness.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code, harness.erp.projects[1]) == (
        JobState.NEEDS_ATTENTION,
        "project_taken",
        before,
    )
    assert (
        match_questions.answer(harness.database, job.id, questions.CREATE_NEW, actor="test", now=harness.now).count
        == 0
    )
    assert match_questions.answer(harness.database, job.id, "1", actor="test", now=harness.now).count == 1
    harness.run()
    assert harness.erp.projects[1].name == "Kulturhuset"
    assert harness.erp.projects[1].customer_number == 10001


def test_a_closed_project_is_asked_about_before_it_is_overwritten(harness: SyncHarness) -> None:
    put_in_erp(harness, name="Brannstasjonen")
    harness.erp.closed_projects.add(1)
    harness.put_and_sync(factories.project("8", customer_id=""))
    job = harness.job(EntityType.PROJECT, "8")
    assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, "project_taken")
    assert job.message == "24SevenOffice has a closed project 1: “Brannstasjonen”."
    assert [each.note for each in match_questions.candidates_of(harness.database, job.id)] == ["closed"]
    assert harness.erp.projects[1].name == "Brannstasjonen"


def test_a_project_that_gets_another_number_in_moment_is_synced(harness: SyncHarness) -> None:
    put_in_erp(harness, name="Brannstasjonen")
    harness.put_and_sync(factories.project("8", customer_id=""))
    harness.put_and_sync(factories.project("8", customer_id="", number="2"))
    assert (harness.erp.projects[1].name, harness.erp.projects[2].name) == ("Brannstasjonen", "Kulturhuset")


def test_the_numbers_of_a_batch_are_searched_for_in_one_call(harness: SyncHarness) -> None:
    for number in range(1, 11):
        harness.moment.put(factories.project(str(number), number=str(number), customer_id=""))
    sync(harness, *map(str, range(1, 11)))
    harness.put_and_sync(factories.project("8", number="8", name="Kulturhuset, trinn 2", customer_id=""))
    assert (harness.erp.calls["existing_projects"], harness.erp.calls["save_project"]) == (1, 11)


def test_a_project_with_a_lost_response_is_not_mistaken_for_another(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("8", customer_id=""))
    harness.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    sync(harness)
    harness.run_after(hours=1)
    assert harness.job(EntityType.PROJECT, "8").outcome is Outcome.SYNCED


@pytest.mark.parametrize(
    ("client_id", "outcome"), [("4711", Outcome.SYNCED), ("4712", Outcome.FAILED), ("", Outcome.FAILED)]
)
def test_a_project_renamed_after_a_lost_response_is_known_by_the_client_id(
    harness: SyncHarness, client_id: str, outcome: Outcome
) -> None:
    harness.change_settings(client_id=client_id)
    harness.erp.client_id = client_id and "4711"
    harness.erp.fails_after["save_project"] = [OutcomeUnknownError("No answer.")]
    harness.put_and_sync(factories.project("8", customer_id=""))
    harness.moment.put(factories.project("8", customer_id="", name="Kulturhuset, trinn 2"))
    harness.later(hours=1)
    sync(harness)
    assert harness.job(EntityType.PROJECT, "8").outcome is outcome
    assert (harness.erp.projects[1].name == "Kulturhuset, trinn 2") is (outcome is Outcome.SYNCED)


def test_two_projects_of_moment_with_one_number_in_one_batch_do_not_overwrite_each_other(
    harness: SyncHarness,
) -> None:
    harness.moment.put(factories.project("8", customer_id=""))
    harness.moment.put(factories.project("9", name="Brannstasjonen", customer_id=""))
    sync(harness, "8", "9")
    assert harness.erp.projects[1].name == "Kulturhuset"
    assert harness.job(EntityType.PROJECT, "9").error_code == "taken"


def put(harness: SyncHarness, record_id: str, name: str, number: str) -> None:
    harness.moment.put(factories.project(record_id, name=name, number=number, customer_id=""))


def state_of(harness: SyncHarness, record_id: str) -> tuple[JobState, str]:
    job = harness.job(EntityType.PROJECT, record_id)
    return job.state, job.error_code


def link_of(harness: SyncHarness, record_id: str) -> str | None:
    found = links.find(harness.database, harness.connection.id, Record(EntityType.PROJECT, record_id))
    return found.remote_id if found else None


def test_a_project_that_gets_anothers_number_is_asked_about(harness: SyncHarness) -> None:
    put(harness, "8", "Kulturhuset", "1")
    sync(harness)
    strangers = harness.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    put(harness, "8", "Kulturhuset", "500")
    sync(harness)
    assert state_of(harness, "8") == (JobState.NEEDS_ATTENTION, "project_taken")
    assert harness.erp.projects[500] == strangers
    put(harness, "8", "Kulturhuset", "501")
    sync(harness)
    assert (harness.erp.projects[501].name, link_of(harness, "8")) == ("Kulturhuset", "501")


def test_two_projects_that_swap_numbers_are_both_asked_about(harness: SyncHarness) -> None:
    put(harness, "8", "Kulturhuset", "1")
    put(harness, "18", "Badet", "2")
    sync(harness, "8", "18")
    put(harness, "8", "Kulturhuset", "2")
    put(harness, "18", "Badet", "1")
    sync(harness, "8", "18")
    assert {number: each.name for number, each in harness.erp.projects.items()} == {1: "Kulturhuset", 2: "Badet"}
    assert (state_of(harness, "8")[0], state_of(harness, "18")[0]) == (JobState.NEEDS_ATTENTION,) * 2
    put(harness, "8", "Kulturhuset", "1")
    put(harness, "18", "Badet", "2")
    sync(harness, "8", "18")
    assert (link_of(harness, "8"), link_of(harness, "18")) == ("1", "2")


def enter_cost(harness: SyncHarness) -> None:
    """Enter a supplier's voucher on project 500."""
    day = factories.NOW.date()
    lines = [LedgerLine(4300, 10000, day, project_number=500), LedgerLine(2400, -10000, day)]
    harness.erp.purchases["2026-4-1"] = lines


def test_while_the_number_of_a_project_is_disputed_its_invoices_and_costs_wait(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    harness.begin()
    harness.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    harness.moment.put(factories.project("8", number="500"), factories.invoice("9"))
    enter_cost(harness)
    harness.sync(EntityType.PROJECT, "8")
    harness.receive(EntityType.INVOICE, "9")
    harness.receive(EntityType.EXPENSE, "2026-4-1")
    for _ in range(20):
        harness.run()
        harness.later(hours=1)
    assert not harness.erp.vouchers
    assert not harness.moment.expenses
    job = harness.job(EntityType.PROJECT, "8")
    assert match_questions.answer(harness.database, job.id, "500", actor="test", now=harness.now).count == 1
    harness.run()
    assert [each.entries[0].project_number for each in harness.erp.vouchers.values()] == [500]
    assert [each.project_id for each in harness.moment.expenses.values()] == ["8"]


def test_costs_on_a_projects_future_number_wait_for_it(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    harness.begin()
    harness.erp.projects[500] = ProjectDraft(500, "Internt utviklingsprosjekt", 4711)
    harness.moment.put(factories.project("8", number="500"))
    enter_cost(harness)
    harness.sync(EntityType.EXPENSE, "2026-4-1")
    assert state_of(harness, "8") == (JobState.NEEDS_ATTENTION, "project_taken")
    assert not harness.moment.expenses


@pytest.mark.parametrize("told", [["8", "28"], ["28"]])
def test_the_number_of_a_project_that_moment_deleted_is_free_for_another(
    harness: SyncHarness, told: list[str]
) -> None:
    put(harness, "8", "Kulturhuset", "1")
    sync(harness)
    del harness.moment.projects["8"]
    put(harness, "28", "Nytt prosjekt", "1")
    sync(harness, *told)
    assert state_of(harness, "28") == (JobState.NEEDS_ATTENTION, "project_taken")
    job = harness.job(EntityType.PROJECT, "28")
    assert match_questions.answer(harness.database, job.id, "1", actor="test", now=harness.now).count == 1
    harness.run()
    assert (link_of(harness, "8"), link_of(harness, "28")) == (None, "1")
    deeds = job_details.actions(harness.database, harness.job(EntityType.PROJECT, "8").id)
    assert [(each.actor, "unlinked from number 1 in 24SevenOffice" in each.action) for each in deeds] == [
        ("the integration", True)
    ]


def test_a_project_saved_under_another_number_is_not_saved_again_until_a_person_retries(
    harness: SyncHarness,
) -> None:
    harness.erp.own_project_numbers = [9000, 9001]
    put(harness, "8", "Kulturhuset", "1")
    for _ in range(5):
        sync(harness)
        harness.later(hours=1)
    assert state_of(harness, "8") == (JobState.NEEDS_ATTENTION, "project_number")
    assert list(harness.erp.projects) == [9000]
    for _ in range(2):
        harness.retry(EntityType.PROJECT, "8")
        harness.run()
    assert list(harness.erp.projects) == [9000, 9001, 1]
    assert link_of(harness, "8") == "1"


def test_costs_wait_for_a_project_that_cannot_get_its_number(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["customer", "project", "invoice", "expense"], expense_accounts="4300")
    harness.begin()
    harness.moment.put(factories.project("8", number="500", name=""))
    enter_cost(harness)
    harness.receive(EntityType.EXPENSE, "2026-4-1")
    for _ in range(60):
        harness.run()
        dependencies.wake_satisfied(harness.database, now=harness.now)
        harness.later(minutes=1)
    cost = harness.job(EntityType.EXPENSE, "2026-4-1")
    assert len(job_details.attempts(harness.database, cost.id)) <= 8
    assert not harness.moment.expenses
    project = harness.only(EntityType.PROJECT, "8")
    job_actions.dismiss(harness.database, project, because="No", actor="kari", now=harness.now)
    harness.run_after(minutes=10)
    cost = harness.job(EntityType.EXPENSE, "2026-4-1")
    assert (cost.state, cost.error_code) == (JobState.NEEDS_ATTENTION, "dependency_dismissed")
