from datetime import timedelta

import pytest

from models.admin import dashboard, job_actions
from models.admin.job_filter import JobFilter
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType
from models.enums import EntityType, JobState, Lane, Outcome, Scope
from models.inbox import due, leases
from models.inbox.circuit_breaker import FAILURE_THRESHOLD, FIRST_DELAY, MAX_DELAY, RATE_LIMIT_ALERT_AFTER
from models.inbox.enqueue import enqueue
from sync.engine.backoff import UNAVAILABLE
from sync.error_codes import ERROR_CODES
from sync.errors import (
    HeldBackError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    SyncError,
    UnavailableError,
)
from sync.records import Customer
from tests import factories
from tests.sync.conftest import SyncHarness

DOWN = UnavailableError("24SevenOffice does not answer.")


@pytest.fixture
def harness(harness: SyncHarness) -> SyncHarness:
    for n in range(1, 101):
        harness.moment.put(factories.invoice(str(n), number=n))
    harness.begin()
    return harness


def fail(harness: SyncHarness) -> None:
    """Run sweeps until the circuit breaker is open."""
    harness.erp.fails_before["post"] = [DOWN] * 100
    for _ in range(FAILURE_THRESHOLD):
        harness.run_after(seconds=30)


@pytest.mark.slow
def test_an_outage_of_ten_minutes_is_two_mails_and_few_calls_and_then_everything_is_posted(
    harness: SyncHarness,
) -> None:
    harness.receive(EntityType.INVOICE, *map(str, range(1, 101)))
    harness.erp.fails_before["post"] = [DOWN] * 1000
    for _ in range(60):
        harness.sweep()
        harness.later(seconds=10)
    assert harness.erp.calls["post"] <= 30
    assert harness.mails() == [("outage", "Demo AS")]
    harness.erp.fails_before["post"] = []
    harness.later(minutes=5)
    harness.run(until_quiet=100)
    assert len(harness.erp.vouchers) == 100
    assert harness.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def test_while_the_breaker_is_open_nothing_of_the_connection_is_tried(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    tried = harness.erp.calls["post"]
    harness.receive(EntityType.INVOICE, "2", "3")
    harness.sync(EntityType.CUSTOMER, "7")
    assert harness.erp.calls["post"] == tried


def test_another_connection_does_not_notice(harness: SyncHarness) -> None:
    other, _ = harness.connections.add(
        "Fjord AS", factories.settings(moment_company="fjord-as"), actor="test", now=harness.now
    )
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    enqueue(harness.database, other.id, [factories.record(EntityType.CUSTOMER, "7")], now=harness.now)
    assert [lane.connection_id for lane in due.lanes(harness.database, now=harness.now)] == [other.id]


def test_a_short_outage_sends_no_mail(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [DOWN] * 2
    harness.receive(EntityType.INVOICE, "1")
    for _ in range(5):
        harness.run()
        harness.later(seconds=20)
    assert harness.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED
    assert harness.mails() == []


def test_a_wait_that_24sevenoffice_asks_for_opens_the_breaker_at_once(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [UnavailableError("Blocked.", retry_after=timedelta(minutes=30))]
    harness.sync(EntityType.INVOICE, "1", "2")
    harness.later(minutes=29)
    harness.sync(EntityType.INVOICE, "3")
    assert harness.erp.calls["post"] == 1
    harness.run_after(minutes=2)
    harness.run_after(seconds=5)
    assert len(harness.erp.vouchers) == 3


def test_held_back_calls_do_not_count_as_failed_attempts_of_the_record(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [HeldBackError("It answers none of the connections.")] * 100
    harness.receive(EntityType.INVOICE, "1")
    for _ in range(30):  # five minutes
        harness.run()
        harness.later(seconds=10)
    assert harness.mails() == [("outage", "Demo AS")]
    assert harness.job(EntityType.INVOICE, "1").failed_attempts == 0
    tried = 100 - len(harness.erp.fails_before["post"])
    assert tried >= 300 / FIRST_DELAY.total_seconds()  # the breaker does not open for longer and longer
    harness.erp.fails_before["post"] = []
    harness.run_after(seconds=FIRST_DELAY.total_seconds())
    assert harness.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED


def test_delayed_jobs_are_due_as_soon_as_one_record_was_synced(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, *map(str, range(1, 10)))
    fail(harness)
    harness.later(minutes=20)
    harness.erp.fails_before["post"] = []
    harness.run()
    assert len(harness.erp.vouchers) == 9


def test_an_unknown_outcome_is_verified_only_when_its_call_has_ended(harness: SyncHarness) -> None:
    harness.moment.put(factories.customer("9", name="Fjord AS", organization_number="", email=""))
    harness.erp.fails_before["save_companies"] = [OutcomeUnknownError("No answer.")]
    harness.receive(EntityType.CUSTOMER, "9")
    harness.drain(EntityType.CUSTOMER)
    harness.sync(EntityType.INVOICE, "1")
    assert len(harness.erp.vouchers) == 1  # and the outage is over
    harness.retry(EntityType.CUSTOMER, "9")
    harness.receive(EntityType.CUSTOMER, "9")
    harness.run_after(seconds=59)
    assert harness.job(EntityType.CUSTOMER, "9").outcome is Outcome.FAILED
    harness.run_after(seconds=2)
    assert harness.job(EntityType.CUSTOMER, "9").outcome is Outcome.SYNCED


def test_the_mail_says_that_no_action_is_needed(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    harness.run_after(minutes=2)
    (alert,) = alert_outbox.pending_alerts(harness.database, "books@example.com")
    assert alert.type is AlertType.OUTAGE
    assert alert.message.startswith("Nothing has synced since 10:")
    assert alert.remedy.startswith("No action needed. Records are queued")


@pytest.mark.thousands
@pytest.mark.parametrize("error", [DOWN, OutcomeUnknownError("No answer.")])
def test_an_outage_of_six_hours_ends_when_it_is_over(harness: SyncHarness, error: SyncError) -> None:
    harness.receive(EntityType.INVOICE, *map(str, range(1, 41)))
    harness.erp.fails_before["post"] = [error] * 1000
    began = harness.now
    while harness.now - began < timedelta(hours=6):
        harness.sweep()
        harness.later(seconds=30)
    jobs = [harness.job(EntityType.INVOICE, str(n)) for n in range(1, 41)]
    assert {job.state for job in jobs} <= {JobState.QUEUED, JobState.RETRYING}
    assert max(job.failed_attempts for job in jobs) <= FAILURE_THRESHOLD
    assert 60 <= harness.erp.calls["post"] <= 90  # one in five minutes, less the chance
    assert harness.mails() == [("outage", "Demo AS")]
    harness.erp.fails_before["post"] = []
    over = harness.now
    while len(harness.erp.vouchers) < 40:
        harness.later(seconds=15)
        harness.run(until_quiet=100)
    assert harness.now - over <= MAX_DELAY + timedelta(minutes=1)
    assert harness.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def test_the_job_that_has_waited_longest_probes_though_it_is_not_due(harness: SyncHarness) -> None:
    harness.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")] * 3
    harness.receive(EntityType.INVOICE, "1")
    for _ in range(FAILURE_THRESHOLD):
        harness.run_after(minutes=3)
    harness.run_after(seconds=59)
    assert not harness.erp.vouchers  # the last call may still be at work
    harness.later(seconds=1)
    assert harness.wait(EntityType.INVOICE, "1") > timedelta(minutes=1)
    harness.run()
    assert len(harness.erp.vouchers) == 1


def test_a_lane_whose_only_record_always_fails_does_not_keep_the_others_from_probing(
    harness: SyncHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = harness.moment.customer

    def customer(record_id: str) -> Customer | None:
        if record_id == "9":
            raise UnavailableError("Moment fails on this one.")
        return read(record_id)

    monkeypatch.setattr(harness.moment, "customer", customer)
    harness.receive(EntityType.CUSTOMER, "9")
    for _ in range(10):
        harness.run_after(minutes=1)
    harness.receive(EntityType.INVOICE, *"123")
    harness.run_after(minutes=10)
    harness.run_after(minutes=5)
    assert len(harness.erp.vouchers) == 3


def test_a_leased_lane_does_not_keep_the_others_from_probing(harness: SyncHarness) -> None:
    harness.receive(EntityType.CUSTOMER, "9", "10")
    lane, hour = Lane(harness.connection.id, EntityType.CUSTOMER), timedelta(hours=1)
    assert leases.acquire(harness.database, lane, limit=1, now=harness.now, until=harness.now + hour)
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    harness.erp.fails_before["post"] = []
    harness.run_after(minutes=5)
    assert len(harness.erp.vouchers) == 1


def test_a_probe_that_shows_nothing_is_not_repeated_before_it_is_due(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    failed = JobFilter(entity_type=EntityType.INVOICE)
    job_actions.dismiss(harness.database, failed, because="By hand.", actor="test", now=harness.now)
    harness.receive(EntityType.INVOICE, "2")
    harness.moment.fails_before["invoice"] = [RuntimeError("A bug.")] * 3
    harness.run_after(minutes=5)
    assert harness.job(EntityType.INVOICE, "2").failed_attempts == 1


REFUSED = MisconfiguredError("The password is wrong.")


@pytest.mark.parametrize("before", [[], [DOWN] * 12])
def test_an_outage_after_a_pause_is_mailed_and_so_is_its_end(
    harness: SyncHarness, before: list[SyncError]
) -> None:
    harness.erp.fails_before["post"] = [*before, REFUSED]
    harness.receive(EntityType.INVOICE, "1")
    while not harness.connections.get(harness.connection.id).paused_because:
        harness.run()
        harness.later(minutes=1)
    outage = [("outage", "Demo AS")]
    assert harness.mails() == (outage if before else []) + [("paused", "Demo AS")]
    harness.later(hours=3)
    told = harness.mails()
    harness.change_settings(password="another")
    fail(harness)
    assert harness.mails() == told  # it may be a hiccup
    harness.run_after(minutes=5)
    harness.run_after(minutes=5)
    assert harness.mails() == told + outage
    harness.erp.fails_before["post"] = []
    harness.run_after(minutes=10)
    assert harness.mails() == [*told, *outage, ("recovered", "Demo AS")]


def test_an_outage_with_a_manual_pause_and_resume_is_mailed_once(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    fail(harness)
    harness.connections.pause(harness.connection.id, "for lunch", actor="kari", now=harness.now)
    harness.run_after(hours=1)
    harness.connections.resume(harness.connection.id, actor="kari", now=harness.now)
    for _ in range(10):
        harness.run_after(minutes=5)
    assert harness.mails() == [("outage", "Demo AS")]
    harness.erp.fails_before["post"] = []
    harness.run_after(minutes=5)
    assert harness.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def use_up_requests(harness: SyncHarness, *, minutes: int) -> None:
    """Refuse all requests for some minutes, as the budget does; each refusal asks to wait for a minute."""
    harness.erp.fails_before["post"] = [
        RateLimitedError("The hour's requests are used up.", error_code="budget", retry_after=timedelta(minutes=1))
    ] * 1000
    for _ in range(minutes * 2):
        harness.sweep()
        harness.later(seconds=30)
    harness.erp.fails_before["post"] = []


def test_used_up_requests_are_no_outage_and_send_no_mail(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, *map(str, range(1, 61)))
    use_up_requests(harness, minutes=10)
    assert harness.erp.calls["post"] <= 11
    totals = dashboard.totals(harness.database, Scope())
    assert (totals.outage, totals.rate_limited, totals.needs_attention) == (0, 1, 0)
    harness.later(minutes=1)
    harness.run(until_quiet=100)
    assert len(harness.erp.vouchers) == 60
    assert harness.mails() == []
    assert dashboard.totals(harness.database, Scope()).rate_limited == 0


def test_a_long_lack_of_requests_is_mailed_once_and_when_it_is_over(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    use_up_requests(harness, minutes=20)
    (alert,) = alert_outbox.pending_alerts(harness.database, "books@example.com")
    assert (alert.type, alert.error_code) == (AlertType.RATE_LIMITED, "budget")
    assert alert.at - RATE_LIMIT_ALERT_AFTER >= factories.NOW
    assert alert.message.startswith("Nothing has synced since 10:")
    assert alert.message.endswith("The hour's requests are used up.")
    assert alert.remedy == ERROR_CODES["budget"].remedy
    harness.run_after(minutes=2)
    assert harness.mails() == [("rate_limited", "Demo AS"), ("recovered", "Demo AS")]


@pytest.mark.thousands
def test_no_record_is_given_up_however_long_requests_are_used_up(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    use_up_requests(harness, minutes=2 * UNAVAILABLE.max_attempts)
    assert harness.job(EntityType.INVOICE, "1").state is JobState.RETRYING
    harness.run_after(minutes=2)
    assert len(harness.erp.vouchers) == 1


def test_an_outage_after_a_lack_of_requests_is_mailed_as_an_outage(harness: SyncHarness) -> None:
    harness.receive(EntityType.INVOICE, "1")
    use_up_requests(harness, minutes=1)
    harness.later(minutes=1)
    fail(harness)
    harness.run_after(minutes=5)
    totals = dashboard.totals(harness.database, Scope())
    assert (totals.outage, totals.rate_limited) == (1, 0)
    assert harness.mails() == [("outage", "Demo AS")]
