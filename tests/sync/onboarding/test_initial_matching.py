"""Going live on a ledger in use: the plan for each record, and its execution."""

from collections.abc import Sequence

import pytest

from i18n.catalog import Language
from i18n.messages import translate
from models.enums import EntityType, JobState, Outcome, Record
from sync.engine.context import SyncContext
from sync.onboarding import initial_matching
from sync.onboarding.preview import PlannedAction, PlannedRecord
from sync.records import Company, ProjectDraft
from tests import factories
from tests.sync.conftest import SyncHarness


def context_of(harness: SyncHarness) -> SyncContext:
    return harness.open_context(harness.connection, lambda: pytest.fail("Nothing is to be written remotely."))


def matches(planned: Sequence[PlannedRecord]) -> dict[str, tuple[PlannedAction, str]]:
    return {each.record.id: (each.action, each.remote_id) for each in planned}


@pytest.fixture
def used(harness: SyncHarness) -> SyncHarness:
    """A ledger in use, and a company in Moment with one record for each outcome."""
    harness.erp.companies = {
        1: Company(1, "Nordlys Arkitekter AS", "923609016"),
        2: Company(2, "Ola Nordmann"),
        3: Company(3, "Ola Nordmann"),
        20001: Company(20001, "Byggmakker AS", supplier=True),
    }
    harness.erp.projects = {
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
        factories.customer("12", name="Byggmakker AS", number="20001", organization_number="", email=""),
    ):
        harness.moment.put(customer)
    for project in (
        factories.project("21"),
        factories.project("22", number="2", name="Biblioteket"),
        factories.project("23", number="3", name="Svømmehallen", customer_id="9"),
        factories.project("24", number="4"),
        factories.project("25", number="A-5"),
        factories.project("26", customer_id=""),
    ):
        harness.moment.put(project)
    return harness


EXPECTED = {
    "7": (PlannedAction.LINK, "1"),
    "8": (PlannedAction.ASK, ""),
    "9": (PlannedAction.SYNC, ""),
    "10": (PlannedAction.REJECT, ""),
    "11": (PlannedAction.ASK, ""),
    "12": (PlannedAction.ASK, ""),
    "21": (PlannedAction.LINK, "1"),
    "22": (PlannedAction.ASK, ""),
    "23": (PlannedAction.ASK, ""),
    "24": (PlannedAction.SYNC, ""),
    "25": (PlannedAction.REJECT, ""),
    "26": (PlannedAction.ASK, ""),
}


def test_a_dry_run_plans_every_record_and_writes_nothing(used: SyncHarness) -> None:
    context = context_of(used)
    planned = initial_matching.plan(context)
    assert matches(planned) == EXPECTED
    assert "Prosjekt 2 Biblioteket" in [translate(each.title, Language.NORWEGIAN) for each in planned]
    assert used.erp.calls == {"all_companies": 1, "existing_projects": 1}
    assert context.link(Record(EntityType.CUSTOMER, "7")) is None
    used.run()
    assert len(used.erp.companies) == 4


def test_certain_matches_are_linked_and_uncertain_ones_asked_about(used: SyncHarness) -> None:
    context = context_of(used)
    initial_matching.apply(context, initial_matching.plan(context), create=False)
    used.run()
    assert used.moment.customers["7"].number == "1"
    assert used.erp.companies[1].moment_id == "7"
    assert used.job(EntityType.PROJECT, "21").outcome is Outcome.SYNCED
    asked = {"8": "which_customer", "11": "which_customer", "22": "project_taken", "26": "taken"}
    for record_id, error_code in asked.items():
        job = used.job(EntityType.CUSTOMER if record_id in "811" else EntityType.PROJECT, record_id)
        assert (job.state, job.error_code) == (JobState.NEEDS_ATTENTION, error_code)
    assert set(used.erp.projects) == {1, 2, 3}


def test_a_second_run_creates_new_records_on_request(used: SyncHarness) -> None:
    for create in (False, True, True):
        context = context_of(used)
        initial_matching.apply(context, initial_matching.plan(context), create=create)
        used.run()
    assert sorted(each.name for each in used.erp.companies.values()) == [
        "Byggmakker AS",
        "Fjord AS",
        "Nordlys Arkitekter AS",
        "Ola Nordmann",
        "Ola Nordmann",
    ]
    assert set(used.erp.projects) == {1, 2, 3, 4}
    again = matches(initial_matching.plan(context_of(used)))
    assert {again[record_id][0] for record_id in ("7", "9", "21", "24")} == {PlannedAction.LINKED}
    assert [again[record_id] for record_id in ("8", "11", "22", "26")] == [(PlannedAction.ASK, "")] * 4


def test_a_match_taken_by_another_record_meanwhile_is_asked_about(used: SyncHarness) -> None:
    context = context_of(used)
    planned = initial_matching.plan(context)
    context_of(used).save_link(Record(EntityType.CUSTOMER, "11"), remote_id="1")
    told = matches(initial_matching.apply(context, planned, create=False))
    assert told["7"] == (PlannedAction.ASK, "1")
    used.run()
    assert used.job(EntityType.CUSTOMER, "7").error_code == "which_customer"


def test_only_synced_entity_types_are_matched(used: SyncHarness) -> None:
    used.change_settings(entity_types={EntityType.PROJECT})
    assert {each.record.entity_type for each in initial_matching.plan(context_of(used))} == {EntityType.PROJECT}
