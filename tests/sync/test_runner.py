from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import event

from models.admin import job_details, reminders
from models.enums import EntityType, JobState, Lane, Outcome
from models.inbox import leases
from sync.engine import call_log
from sync.errors import MisconfiguredError, OutcomeUnknownError, RejectedError, SyncError, UnavailableError
from sync.records import CompanyDraft, Customer, ProjectDraft
from tests import factories
from tests.sync.conftest import SyncHarness


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    for record_id in "123":
        harness.moment.put(factories.customer(record_id, name=f"Kunde {record_id} AS", organization_number=""))
    return harness


def test_wrong_settings_pause_the_connection_with_one_mail_and_everything_waits(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [MisconfiguredError("The API key of Moment is refused.")]
    harness.sync(EntityType.CUSTOMER, *"123")
    assert harness.moment.calls["customer"] == 1
    assert harness.connections.get(harness.connection.id).paused_because == "The API key of Moment is refused."
    assert harness.mails() == [("paused", "Demo AS")]


def test_wrong_settings_hold_back_prepared_records(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [None, MisconfiguredError("The API key of Moment is refused.")]
    harness.sync(EntityType.CUSTOMER, *"123")
    assert (harness.erp.calls["save_companies"], harness.erp.companies) == (0, {})
    jobs = [harness.job(EntityType.CUSTOMER, each) for each in "123"]
    assert [(job.state, job.failed_attempts) for job in jobs] == [(JobState.QUEUED, 0)] * 3
    harness.change_settings(password="another")
    harness.run()
    assert {harness.job(EntityType.CUSTOMER, each).outcome for each in "123"} == {Outcome.SYNCED}


def test_a_record_synced_just_before_a_pause_does_not_withdraw_its_mail(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("9", name="Fjord AS", organization_number="", email=""))
    harness.moment.fails_before["write_customer_number"] = [None, MisconfiguredError("The key is refused.")]
    harness.sync(EntityType.CUSTOMER, "1", "9")
    assert harness.job(EntityType.CUSTOMER, "1").outcome is Outcome.SYNCED
    assert harness.mails() == [("paused", "Demo AS")]
    harness.change_settings(password="another")
    harness.run()
    assert harness.mails() == [("paused", "Demo AS"), ("recovered", "Demo AS")]


def test_a_worker_that_lost_its_lease_does_not_pause_the_connection(harness: SyncHarness) -> None:
    lane = Lane(harness.connection.id, EntityType.CUSTOMER)

    def taken_over(_record_id: str) -> Customer:
        harness.later(hours=1)
        assert leases.acquire(
            harness.database, lane, limit=1, now=harness.now, until=harness.now + timedelta(minutes=1)
        )
        raise MisconfiguredError("The API key of Moment is refused.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(harness.moment, "customer", taken_over)
        harness.receive(EntityType.CUSTOMER, "1")
        assert harness.drain(EntityType.CUSTOMER) == set()
    assert harness.connections.get(harness.connection.id).paused_because == ""
    assert harness.mails() == []


def test_all_waiting_jobs_are_synced_when_the_settings_are_corrected(harness: SyncHarness) -> None:
    harness.erp.fails_before["save_companies"] = [MisconfiguredError("The password is wrong.")]
    harness.sync(EntityType.CUSTOMER, *"123")
    harness.change_settings(password="another")
    harness.run()
    assert len(harness.erp.companies) == 3
    assert harness.mails() == [("paused", "Demo AS"), ("recovered", "Demo AS")]


def test_the_rest_of_a_batch_is_given_back_untouched_when_the_system_is_unavailable(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [UnavailableError("Moment is down.")]
    harness.receive(EntityType.CUSTOMER, *"123")
    harness.drain(EntityType.CUSTOMER)
    assert harness.moment.calls["customer"] == 1
    tries = [
        len(job_details.attempts(harness.database, harness.job(EntityType.CUSTOMER, each).id)) for each in "123"
    ]
    assert tries == [1, 0, 0]
    harness.run_after(minutes=1)
    assert len(harness.erp.companies) == 3


def test_untried_jobs_wait_only_for_the_error_that_ended_the_batch(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("4", number="4", customer_id="1"))  # waits for its customer: ten minutes
    for record_id in "567":
        harness.moment.put(factories.project(record_id, number=record_id, customer_id=""))
    harness.moment.fails_before["project"] = [None, UnavailableError("A hiccup.")]
    harness.receive(EntityType.PROJECT, *"4567")
    harness.drain(EntityType.PROJECT)
    waits = [harness.wait(EntityType.PROJECT, each) for each in "4567"]
    assert waits == [timedelta(minutes=10)] + 3 * [timedelta(seconds=2.5)]
    tries = [
        len(job_details.attempts(harness.database, harness.job(EntityType.PROJECT, each).id)) for each in "4567"
    ]
    assert tries == [1, 1, 0, 0]


def test_prepared_records_wait_for_the_system_that_did_not_accept_them(harness: SyncHarness) -> None:
    for record_id in "4567":
        harness.moment.put(factories.project(record_id, number=record_id, customer_id=""))
    busy = UnavailableError("Blocked.", retry_after=timedelta(minutes=40))
    harness.moment.fails_before["project"] = [None, None, busy]
    harness.erp.fails_before["save_project"] = [UnavailableError("A hiccup.")]
    harness.receive(EntityType.PROJECT, *"4567")
    harness.drain(EntityType.PROJECT)
    short, long = timedelta(seconds=2.5), timedelta(minutes=40, seconds=2.5)
    waits = [harness.wait(EntityType.PROJECT, each) for each in "4567"]
    assert waits == [short, short, long, long]


def test_a_record_that_always_fails_does_not_delay_the_following_ones(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = harness.moment.customer

    def customer(record_id: str) -> Customer | None:
        if record_id == "1":
            raise UnavailableError("Moment fails on this one.")
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", customer)
    harness.receive(EntityType.CUSTOMER, *"123")
    for _ in range(10):
        harness.run()
        harness.later(seconds=10)
    assert [harness.job(EntityType.CUSTOMER, each).outcome for each in "23"] == [Outcome.SYNCED] * 2


@pytest.mark.parametrize("error", [UnavailableError("It answers 500."), OutcomeUnknownError("No answer.")])
def test_a_record_that_fails_alone_needs_attention_and_is_no_outage(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch, error: SyncError
) -> None:
    read = harness.moment.customer

    def customer(record_id: str) -> Customer | None:
        if record_id == "1":
            raise error
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", customer)
    harness.receive(EntityType.CUSTOMER, "1")
    for n in range(100, 130):
        harness.moment.put(factories.customer(str(n), name=f"Kunde {n} AS", organization_number="", email=""))
        harness.sync(EntityType.CUSTOMER, str(n))
        harness.later(minutes=4)
    for _ in range(60):  # and then nothing else to do
        harness.run()
        harness.later(minutes=1)
    job = harness.job(EntityType.CUSTOMER, "1")
    assert (job.state, job.error_code, job.failed_attempts) == (JobState.NEEDS_ATTENTION, "fails_alone", 5)
    assert job.message.startswith(error.message)
    assert harness.mails() == [("needs_attention", "Customer 1 in Moment")]
    assert len(harness.erp.companies) == 30


def test_a_record_that_is_refused_after_an_alert_that_it_is_overdue_is_alerted_again(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [UnavailableError("Away."), RejectedError("Its name is missing.")]
    harness.sync(EntityType.CUSTOMER, "1")
    harness.later(hours=25)
    assert reminders.queue_overdue(harness.database, now=harness.now) == 1
    harness.run()
    harness.sync(EntityType.CUSTOMER, "1")
    told = ["overdue", "needs_attention", "resolved"]
    assert [alert for alert, _ in harness.mails()] == told


def test_a_record_that_is_overdue_only_since_a_worker_has_it_is_resolved_too(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, overdue = harness.moment.customer, []

    def customer(record_id: str) -> Customer | None:
        harness.later(hours=25)
        overdue.append(reminders.queue_overdue(harness.database, now=harness.now))
        return read(record_id)

    harness.receive(EntityType.CUSTOMER, "1")
    monkeypatch.setattr(harness.moment, "customer", customer)
    harness.run()
    assert overdue == [1]
    assert [alert for alert, _ in harness.mails()] == ["overdue", "resolved"]


def test_records_that_will_be_needed_from_moment_are_read_ahead(harness: SyncHarness) -> None:
    harness.sync(EntityType.CUSTOMER, *"123")
    harness.receive(EntityType.CUSTOMER, "1")  # one alone gains nothing
    harness.run()
    assert harness.moment.ahead == [(EntityType.CUSTOMER, ("1", "2", "3"))]


def test_an_invoice_that_has_a_voucher_is_not_read_ahead(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("7"), factories.project("8"))
    for number in (1, 2):
        harness.moment.put(factories.invoice(str(number), number=number))
    for record_ids in ("1", "12"):
        harness.sync(EntityType.INVOICE, *record_ids)
    assert (EntityType.INVOICE, ("2",)) in harness.moment.ahead


def test_each_further_invoice_of_a_batch_takes_one_statement(harness: SyncHarness) -> None:
    """Only the link of an invoice is a statement of its own; the other statements are for the whole batch."""
    harness.begin()
    engine, statements = harness.database._engine, list[str]()  # noqa: SLF001 - there is no other way to observe each

    def hear(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    def taken_by(*record_ids: str) -> int:
        harness.moment.put(*(factories.invoice(each, number=int(each)) for each in record_ids))
        harness.receive(EntityType.INVOICE, *record_ids)
        statements.clear()
        harness.drain(EntityType.INVOICE)
        count = len(statements)
        assert {harness.job(EntityType.INVOICE, each).outcome for each in record_ids} == {Outcome.SYNCED}
        return count

    event.listen(engine, "before_cursor_execute", hear)
    try:
        taken_by("1", "2")  # the lane's first batch saves the lane too
        assert taken_by(*map(str, range(10, 20))) == taken_by("20", "21") + 8
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_a_wait_that_the_other_system_asks_for_is_kept(harness: SyncHarness) -> None:
    harness.moment.fails_before["customer"] = [UnavailableError("Blocked.", retry_after=timedelta(minutes=40))]
    harness.sync(EntityType.CUSTOMER, "1")
    assert harness.wait(EntityType.CUSTOMER, "1") >= timedelta(minutes=40)


def test_a_record_that_crashes_a_flow_is_given_up_after_three_tries(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("1", name=None))  # what no reader of Moment lets through
    harness.sync(EntityType.CUSTOMER, "1")
    harness.receive(EntityType.CUSTOMER, "2")
    for _ in range(3):
        harness.run_after(hours=2)
    assert (harness.job(EntityType.CUSTOMER, "1").state, harness.job(EntityType.CUSTOMER, "1").error_code) == (
        JobState.NEEDS_ATTENTION,
        "crashed",
    )
    assert harness.job(EntityType.CUSTOMER, "2").outcome is Outcome.SYNCED
    assert harness.mails() == [("needs_attention", "Customer 1 in Moment")]


def test_a_record_during_which_three_workers_vanish_is_given_up(harness: SyncHarness) -> None:
    lane = Lane(harness.connection.id, EntityType.CUSTOMER)
    harness.receive(EntityType.CUSTOMER, "1")
    for _ in range(3):
        assert leases.acquire(harness.database, lane, limit=10, now=harness.now, until=harness.now)
        harness.later(seconds=1)
    harness.run()
    assert harness.job(EntityType.CUSTOMER, "1").error_code == "worker_crashes"
    assert harness.moment.calls["customer"] == 0


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.receive(EntityType.CUSTOMER, "1")
    lane = Lane(harness.connection.id, EntityType.CUSTOMER)
    read = harness.moment.customer

    def slowly(record_id: str) -> object:
        harness.later(hours=1)
        assert leases.acquire(
            harness.database, lane, limit=1, now=harness.now, until=harness.now + timedelta(minutes=1)
        )
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", slowly)
    assert harness.drain(EntityType.CUSTOMER) == set()
    assert not harness.erp.companies


def test_the_lanes_of_dependencies_and_of_waiting_jobs_are_dispatched(harness: SyncHarness) -> None:
    harness.moment.put(factories.project("8", customer_id="1"))
    harness.receive(EntityType.PROJECT, "8")
    customers, projects = (
        Lane(harness.connection.id, entity_type) for entity_type in (EntityType.CUSTOMER, EntityType.PROJECT)
    )
    assert customers in harness.drain(EntityType.PROJECT)
    assert projects in harness.drain(EntityType.CUSTOMER)


def test_draining_an_empty_lane_dispatches_no_lane(harness: SyncHarness) -> None:
    assert harness.drain(EntityType.INVOICE) == set()


def test_an_attempt_stores_the_calls_to_the_remote_systems(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, save = harness.moment.customer, harness.erp.save_companies

    def customer(record_id: str) -> Customer | None:
        call_log.record_call(f"GET customers/{record_id}", request=b"", response="x" * 10_000 + "\x00")
        return read(record_id)

    def save_companies(drafts: Sequence[CompanyDraft]) -> Sequence[int | SyncError]:
        call_log.record_call("SaveCompanies", request=b"<what> was sent", response=b"\xff")
        return save(drafts)

    monkeypatch.setattr(harness.moment, "customer", customer)
    monkeypatch.setattr(harness.erp, "save_companies", save_companies)
    harness.sync(EntityType.CUSTOMER, "1", "2")
    for record_id in "12":
        (attempt,) = job_details.attempts(harness.database, harness.job(EntityType.CUSTOMER, record_id).id)
        assert [each["operation"] for each in attempt.calls] == [f"GET customers/{record_id}", "SaveCompanies"]
        assert all(len(each["response"]) < 9000 for each in attempt.calls)


def test_an_attempt_stores_no_calls_made_for_another_record_alone(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = harness.erp.save_project

    def save_project(draft: ProjectDraft) -> None:
        call_log.record_call(f"SaveProject {draft.number}", request=b"", response=b"")
        save(draft)

    monkeypatch.setattr(harness.erp, "save_project", save_project)
    for record_id in "45":
        harness.moment.put(factories.project(record_id, number=record_id, customer_id=""))
    harness.sync(EntityType.PROJECT, "4", "5")
    for record_id in "45":
        (attempt,) = job_details.attempts(harness.database, harness.job(EntityType.PROJECT, record_id).id)
        assert [each["operation"] for each in attempt.calls] == [f"SaveProject {record_id}"]


def test_the_rest_of_a_one_by_one_batch_is_given_back_in_an_outage(harness: SyncHarness) -> None:
    for record_id in "45":
        harness.moment.put(factories.project(record_id, number=record_id, customer_id=""))
    harness.erp.fails_before["save_project"] = [UnavailableError("24SevenOffice is down.")]
    harness.receive(EntityType.PROJECT, "4", "5")
    harness.drain(EntityType.PROJECT)
    tries = [
        len(job_details.attempts(harness.database, harness.job(EntityType.PROJECT, each).id)) for each in "45"
    ]
    assert tries == [1, 0]
    harness.run_after(minutes=1)
    assert len(harness.erp.projects) == 2


def test_calls_outside_an_attempt_are_not_stored() -> None:
    call_log.record_call("GET customers", request="", response="")
    with call_log.recording_calls() as heard:
        pass
    assert heard == []


def test_a_batch_that_takes_longer_than_a_lease_keeps_its_lane(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, lane = harness.moment.customer, Lane(harness.connection.id, EntityType.CUSTOMER)

    def slowly(record_id: str) -> Customer | None:
        harness.later(minutes=2)
        assert (
            leases.acquire(
                harness.database, lane, limit=1, now=harness.now, until=harness.now + timedelta(minutes=1)
            )
            is None
        )
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", slowly)
    harness.receive(EntityType.CUSTOMER, *"123")
    harness.drain(EntityType.CUSTOMER)
    assert len(harness.erp.companies) == 3
