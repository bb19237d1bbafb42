"""A connection moves to another 24SevenOffice client, or its links are set aside for the same one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from models.admin import match_questions, relink
from models.connections.repository import Connections, LinksExistError
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import leases, links, questions
from models.inbox.leases import JobsRunningError, LeaseLostError, SyncJob
from models.inbox.links import Link
from models.inbox.questions import Candidate
from sync.engine.context import NOT_IN_MOMENT, SyncContext
from sync.errors import SyncError
from sync.records import Company, CompanyDraft, ProjectDraft
from tests import factories
from tests.fakes import FakeErp
from tests.sync.conftest import SyncHarness

FORMER = "0c0ffee0-0000-4000-8000-000000000001"
OTHER = "0c0ffee0-0000-4000-8000-000000000009"
INVOICE = Record(EntityType.INVOICE, "9")


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    """A connection that has posted an invoice."""
    harness.change_settings(identity_id=FORMER)
    harness.begin()
    harness.moment.put(factories.invoice("9"))
    sync(harness)
    return harness


def sync(harness: SyncHarness) -> None:
    harness.sync(EntityType.INVOICE, "9")


def unlink(harness: SyncHarness) -> int:
    return relink.unlink(harness.database, harness.connection.id, actor="kari", now=harness.now)


def lead_elsewhere(harness: SyncHarness) -> None:
    unlink(harness)
    harness.erp = FakeErp()
    harness.erp.companies[10001] = Company(10001, "Sykehuset HF", "983658776", "")
    harness.change_settings(identity_id=OTHER)


@pytest.mark.parametrize(
    "change",
    [{"identity_id": OTHER}, {"moment_company": "1002"}, {"username": "new@example.com", "identity_id": ""}],
    ids=["identity", "company", "user name"],
)
def test_a_connection_with_links_is_not_led_elsewhere(harness: SyncHarness, change: dict[str, Any]) -> None:
    before = harness.connections.get(harness.connection.id)
    with pytest.raises(LinksExistError):
        harness.change_settings(**change)
    assert harness.connections.get(harness.connection.id) == before


@pytest.mark.parametrize(
    "change",
    [{"password": "newer"}, {"username": "new@example.com"}, {"identity_id": FORMER.upper()}],
    ids=["password", "user name", "spelling"],
)
def test_a_login_that_leads_to_the_same_client_is_changed(harness: SyncHarness, change: dict[str, Any]) -> None:
    harness.change_settings(**change)
    assert links.find(harness.database, harness.connection.id, INVOICE)


def test_the_client_that_a_login_reaches_decides_and_not_its_spelling(harness: SyncHarness) -> None:
    connection, now = harness.connections.get(harness.connection.id), harness.now
    other = {"username": "new@example.com", "identity_id": OTHER}
    with pytest.raises(LinksExistError):  # the client of the links is not known yet
        harness.connections.update(connection.id, other, actor="kari", now=now, client_number=7)
    harness.connections.save_client(connection.id, connection.settings, 7)
    with pytest.raises(LinksExistError):
        harness.connections.update(connection.id, {"password": "newer"}, actor="kari", now=now, client_number=8)
    company = {"moment_company": "1002"}
    with pytest.raises(LinksExistError):
        harness.connections.update(connection.id, company, actor="kari", now=now, client_number=7)
    changed = harness.connections.update(connection.id, other, actor="kari", now=now, client_number=7)
    assert (changed.settings.username, changed.client_number) == ("new@example.com", 7)
    assert links.find(harness.database, connection.id, INVOICE)


def test_once_its_links_are_set_aside_a_connection_uses_its_logins_client(harness: SyncHarness) -> None:
    connection = harness.connections.get(harness.connection.id)
    harness.connections.save_client(connection.id, connection.settings, 7)
    unlink(harness)
    harness.connections.save_client(connection.id, connection.settings, 8)
    assert harness.connections.get(connection.id).client_number == 8


def test_numbers_of_the_former_client_overwrite_no_one_in_the_next(harness: SyncHarness) -> None:
    lead_elsewhere(harness)
    harness.moment.put(factories.customer("7", name="Nordlys Arkitekter AS, avd. Bergen", number="10001"))
    harness.moment.put(factories.invoice("10", number=2))
    harness.receive(EntityType.CUSTOMER, "7")
    harness.sync(EntityType.INVOICE, "10")
    assert harness.erp.companies[10001].name == "Sykehuset HF"
    assert [each.entries[0].customer_number for each in harness.erp.vouchers.values()] == [10002]


def name_alike(harness: SyncHarness) -> int:
    """Have a person asked which customer a record is, and return the number of the waiting job."""
    harness.erp.companies[20002] = Company(20002, "Nordlys Arkitekter AS", "", "")
    harness.moment.put(
        factories.customer("6", name="Nordlys Arkitekter", organization_number="", email="", number="")
    )
    harness.sync(EntityType.CUSTOMER, "6")
    job = harness.job(EntityType.CUSTOMER, "6")
    assert job.error_code == "which_customer"
    return job.id


def stranger(number: int) -> Company:
    return Company(number, "Sykehuset HF", "983658776", "")


@pytest.mark.parametrize("answered", ["20002", ""], ids=["answered", "open"])
def test_answers_about_the_former_client_match_no_one_in_the_next(harness: SyncHarness, answered: str) -> None:
    job_id = name_alike(harness)
    if answered:
        match_questions.answer(harness.database, job_id, answered, actor="kari", now=harness.now)
        harness.run()
    harness.later(days=1)
    lead_elsewhere(harness)
    harness.erp.companies[20002] = stranger(20002)
    match_questions.answer(harness.database, job_id, "20002", actor="kari", now=harness.now)
    if answered:
        harness.receive(EntityType.CUSTOMER, "6")
    harness.run_after(minutes=5)
    assert harness.erp.companies[20002] == stranger(20002)
    assert harness.job(EntityType.CUSTOMER, "6").outcome is Outcome.SYNCED


def test_a_project_that_was_said_to_be_the_same_is_asked_about_in_the_next_client(harness: SyncHarness) -> None:
    project = factories.project("5", number="500", customer_id="")
    harness.moment.put(project)
    harness.erp.projects[500] = ProjectDraft(500, "Tilbygg")
    harness.sync(EntityType.PROJECT, "5")
    match_questions.answer(
        harness.database, harness.job(EntityType.PROJECT, "5").id, "500", actor="kari", now=harness.now
    )
    harness.run()
    harness.later(days=1)
    lead_elsewhere(harness)
    harness.erp.projects[500] = ProjectDraft(500, "Sykehuset, nybygg")
    harness.sync(EntityType.PROJECT, "5")
    assert harness.erp.projects[500].name == "Sykehuset, nybygg"
    assert harness.job(EntityType.PROJECT, "5").error_code == "project_taken"


def test_a_question_of_a_client_that_nothing_was_linked_to_is_void_in_the_next(
    database: Database, connections: Connections
) -> None:
    connection, _ = connections.add("Demo AS", factories.settings(), actor="test", now=factories.NOW)
    harness = SyncHarness(database, connections, connection)
    harness.change_settings(identity_id=FORMER)
    job_id = name_alike(harness)
    harness.change_settings(identity_id=OTHER)
    harness.erp.companies[20002] = stranger(20002)
    match_questions.answer(database, job_id, "20002", actor="kari", now=harness.now)
    harness.run_after(minutes=5)
    assert harness.erp.companies[20002] == stranger(20002)
    assert harness.job(EntityType.CUSTOMER, "6").outcome is Outcome.SYNCED


def test_invoices_of_the_former_client_are_posted_again_only_by_a_person(harness: SyncHarness) -> None:
    lead_elsewhere(harness)
    harness.erp.companies.clear()
    sync(harness)
    job = harness.job(EntityType.INVOICE, "9")
    assert (harness.erp.vouchers, job.state, job.error_code) == ({}, JobState.NEEDS_ATTENTION, "set_aside")
    harness.retry(EntityType.INVOICE, "9")
    harness.run()
    assert list(harness.erp.vouchers) == [(2026, 1)]


def test_a_late_answer_of_the_former_client_links_nothing_in_the_next(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = harness.erp
    save = former.save_companies

    def answer_late(drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        numbers = save(drafts)
        harness.later(minutes=5)
        lead_elsewhere(harness)
        return numbers

    monkeypatch.setattr(former, "save_companies", answer_late)
    harness.moment.put(factories.customer("6", name="Fjordbygg AS", organization_number="", email="", number=""))
    harness.receive(EntityType.CUSTOMER, "6")
    harness.drain(EntityType.CUSTOMER)
    assert links.find(harness.database, harness.connection.id, Record(EntityType.CUSTOMER, "6")) is None


CUSTOMER = Record(EntityType.CUSTOMER, "7")
LATE: dict[str, Callable[[SyncContext, SyncJob], None]] = {
    "saved": lambda context, _: context.save_link(CUSTOMER, remote_id="10007"),
    "removed": lambda context, _: context.remove_link(CUSTOMER),
    "released": lambda context, _: context.release_link(CUSTOMER, because=NOT_IN_MOMENT),
    "lost": lambda context, _: context.release_lost(CUSTOMER, 10001),
    "asked": lambda context, job: context.ask_for_match(job, [Candidate("10001", "Nordlys AS")]),
}


@pytest.mark.parametrize("settings_change", [True, False], ids=["other login", "same login"])
@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_a_late_worker_changes_neither_links_nor_answers_in_the_next_client(
    harness: SyncHarness, late: Callable[[SyncContext, SyncJob], None], *, settings_change: bool
) -> None:
    harness.connections.save_client(harness.connection.id, harness.connection.settings, 7)
    job_id, lane = name_alike(harness), Lane(harness.connection.id, EntityType.CUSTOMER)
    harness.receive(EntityType.CUSTOMER, "6")
    lease = leases.acquire(harness.database, lane, limit=1, now=harness.now, until=harness.now)
    assert lease
    context = harness.open_context(harness.connections.get(harness.connection.id), lambda: None)
    unlink(harness)
    if settings_change:
        harness.change_settings(identity_id=OTHER)
    there = Link("10001", fingerprint="of the next client")
    links.save(harness.database, harness.connection.id, CUSTOMER, there, now=harness.now)
    with pytest.raises(LeaseLostError):
        late(context, lease.jobs[0])
    assert links.find(harness.database, harness.connection.id, CUSTOMER) == there
    assert questions.open_candidates(harness.database, job_id) == []


def test_a_worker_that_lost_its_lease_does_not_ask_an_answered_question_again(harness: SyncHarness) -> None:
    job_id, lane = name_alike(harness), Lane(harness.connection.id, EntityType.CUSTOMER)
    match_questions.answer(harness.database, job_id, "20002", actor="kari", now=harness.now)
    harness.later(minutes=5)
    lease = leases.acquire(harness.database, lane, limit=1, now=harness.now, until=harness.now)
    assert lease

    def renew_lease() -> None:
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        harness.open_context(harness.connection, renew_lease).ask_for_match(lease.jobs[0], [])
    assert questions.answers(harness.database, [job_id]) == {job_id: "20002"}


def test_a_link_renewed_meanwhile_is_not_released(harness: SyncHarness) -> None:
    context = harness.open_context(harness.connection, lambda: None)
    assert context.link(CUSTOMER)
    links.save(harness.database, harness.connection.id, CUSTOMER, Link("10009"), now=harness.now)
    context.release_lost(CUSTOMER, 10001)
    assert links.find(harness.database, harness.connection.id, CUSTOMER) == Link("10009")


def test_a_former_clients_draft_is_not_assumed_in_the_next(harness: SyncHarness) -> None:
    harness.change_settings(posting="draft")
    harness.put_and_sync(factories.invoice("10", number=2))
    lead_elsewhere(harness)
    harness.sync(EntityType.INVOICE, "10")
    job = harness.job(EntityType.INVOICE, "10")
    assert (harness.erp.vouchers, job.state, job.error_code) == ({}, JobState.NEEDS_ATTENTION, "set_aside")


def test_at_the_same_client_everything_is_found_again_once_links_are_set_aside(harness: SyncHarness) -> None:
    assert unlink(harness) == 3
    harness.receive(EntityType.CUSTOMER, "7")
    sync(harness)
    assert harness.job(EntityType.INVOICE, "9").outcome is Outcome.SYNCED
    assert (len(harness.erp.companies), len(harness.erp.vouchers), harness.erp.calls["post"]) == (1, 1, 1)


def test_pending_jobs_are_verified_once_links_are_set_aside(harness: SyncHarness) -> None:
    harness.moment.put(factories.invoice("10", number=2))
    harness.receive(EntityType.INVOICE, "10")
    unlink(harness)
    lane = Lane(harness.connection.id, EntityType.INVOICE)
    lease = leases.acquire(harness.database, lane, limit=9, now=harness.now, until=harness.now)
    assert lease
    assert [job.outcome_unknown for job in lease.jobs] == [True]


def test_links_are_not_set_aside_while_a_worker_runs_jobs(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "9")
    lane, later = Lane(harness.connection.id, EntityType.INVOICE), harness.now.replace(hour=23)
    leases.acquire(harness.database, lane, limit=9, now=harness.now, until=later)
    with pytest.raises(JobsRunningError):
        unlink(harness)
    assert links.find(harness.database, harness.connection.id, INVOICE)
