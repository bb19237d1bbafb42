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
from tests.sync.conftest import World

DOWN = UnavailableError("24SevenOffice does not answer.")


@pytest.fixture
def world(world: World) -> World:
    for n in range(1, 101):
        world.moment.put(factories.invoice(str(n), number=n))
    world.begin()
    return world


def fail(world: World) -> None:
    """Run sweeps until the circuit breaker is open."""
    world.erp.fails_before["post"] = [DOWN] * 100
    for _ in range(FAILURE_THRESHOLD):
        world.run_after(seconds=30)


@pytest.mark.slow
def test_an_outage_of_ten_minutes_is_two_mails_and_few_calls_and_then_everything_is_posted(world: World) -> None:
    world.receive(EntityType.INVOICE, *map(str, range(1, 101)))
    world.erp.fails_before["post"] = [DOWN] * 1000
    for _ in range(60):
        world.sweep()
        world.later(seconds=10)
    assert world.erp.calls["post"] <= 30
    assert world.mails() == [("outage", "Demo AS")]
    world.erp.fails_before["post"] = []
    world.later(minutes=5)
    world.run(until_quiet=100)
    assert len(world.erp.vouchers) == 100
    assert world.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def test_while_the_breaker_is_open_nothing_of_the_connection_is_tried(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    tried = world.erp.calls["post"]
    world.receive(EntityType.INVOICE, "2", "3")
    world.sync(EntityType.CUSTOMER, "7")
    assert world.erp.calls["post"] == tried


def test_another_connection_does_not_notice(world: World) -> None:
    other, _ = world.connections.add(
        "Fjord AS", factories.settings(moment_company="fjord-as"), actor="test", now=world.now
    )
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    enqueue(world.database, other.id, [factories.record(EntityType.CUSTOMER, "7")], now=world.now)
    assert [lane.connection_id for lane in due.lanes(world.database, now=world.now)] == [other.id]


def test_a_short_hiccup_is_not_worth_a_mail(world: World) -> None:
    world.erp.fails_before["post"] = [DOWN] * 2
    world.receive(EntityType.INVOICE, "1")
    for _ in range(5):
        world.run()
        world.later(seconds=20)
    assert world.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED
    assert world.mails() == []


def test_a_block_with_a_known_end_is_waited_out_at_once(world: World) -> None:
    world.erp.fails_before["post"] = [UnavailableError("Blocked.", retry_after=timedelta(minutes=30))]
    world.sync(EntityType.INVOICE, "1", "2")
    world.later(minutes=29)
    world.sync(EntityType.INVOICE, "3")
    assert world.erp.calls["post"] == 1
    world.run_after(minutes=2)
    world.run_after(seconds=5)
    assert len(world.erp.vouchers) == 3


def test_held_back_calls_count_for_the_outage_and_not_for_the_record(world: World) -> None:
    world.erp.fails_before["post"] = [HeldBackError("It answers none of the connections.")] * 100
    world.receive(EntityType.INVOICE, "1")
    for _ in range(30):  # five minutes
        world.run()
        world.later(seconds=10)
    assert world.mails() == [("outage", "Demo AS")]
    assert world.job(EntityType.INVOICE, "1").failed_attempts == 0
    tried = 100 - len(world.erp.fails_before["post"])
    assert tried >= 300 / FIRST_DELAY.total_seconds()  # the breaker does not open for longer and longer
    world.erp.fails_before["post"] = []
    world.run_after(seconds=FIRST_DELAY.total_seconds())
    assert world.job(EntityType.INVOICE, "1").outcome is Outcome.SYNCED


def test_delayed_jobs_are_due_as_soon_as_one_record_was_synced(world: World) -> None:
    world.receive(EntityType.INVOICE, *map(str, range(1, 10)))
    fail(world)
    world.later(minutes=20)
    world.erp.fails_before["post"] = []
    world.run()
    assert len(world.erp.vouchers) == 9


def test_an_unknown_outcome_is_verified_only_when_its_call_has_ended(world: World) -> None:
    world.moment.put(factories.customer("9", name="Fjord AS", organization_number="", email=""))
    world.erp.fails_before["save_companies"] = [OutcomeUnknownError("No answer.")]
    world.receive(EntityType.CUSTOMER, "9")
    world.drain(EntityType.CUSTOMER)
    world.sync(EntityType.INVOICE, "1")
    assert len(world.erp.vouchers) == 1  # and the outage is over
    world.retry(EntityType.CUSTOMER, "9")
    world.receive(EntityType.CUSTOMER, "9")
    world.run_after(seconds=59)
    assert world.job(EntityType.CUSTOMER, "9").outcome is Outcome.FAILED
    world.run_after(seconds=2)
    assert world.job(EntityType.CUSTOMER, "9").outcome is Outcome.SYNCED


def test_the_mail_says_that_no_action_is_needed(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    world.run_after(minutes=2)
    (alert,) = alert_outbox.pending_alerts(world.database, "books@example.com")
    assert alert.type is AlertType.OUTAGE
    assert alert.message.startswith("Nothing has synced since 10:")
    assert alert.remedy.startswith("No action needed. Records are queued")


@pytest.mark.thousands
@pytest.mark.parametrize("error", [DOWN, OutcomeUnknownError("No answer.")])
def test_an_outage_of_six_hours_ends_when_it_is_over(world: World, error: SyncError) -> None:
    world.receive(EntityType.INVOICE, *map(str, range(1, 41)))
    world.erp.fails_before["post"] = [error] * 1000
    began = world.now
    while world.now - began < timedelta(hours=6):
        world.sweep()
        world.later(seconds=30)
    jobs = [world.job(EntityType.INVOICE, str(n)) for n in range(1, 41)]
    assert {job.state for job in jobs} <= {JobState.QUEUED, JobState.RETRYING}
    assert max(job.failed_attempts for job in jobs) <= FAILURE_THRESHOLD
    assert 60 <= world.erp.calls["post"] <= 90  # one in five minutes, less the chance
    assert world.mails() == [("outage", "Demo AS")]
    world.erp.fails_before["post"] = []
    over = world.now
    while len(world.erp.vouchers) < 40:
        world.later(seconds=15)
        world.run(until_quiet=100)
    assert world.now - over <= MAX_DELAY + timedelta(minutes=1)
    assert world.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def test_the_job_that_has_waited_longest_probes_though_it_is_not_due(world: World) -> None:
    world.erp.fails_before["post"] = [OutcomeUnknownError("No answer.")] * 3
    world.receive(EntityType.INVOICE, "1")
    for _ in range(FAILURE_THRESHOLD):
        world.run_after(minutes=3)
    world.run_after(seconds=59)
    assert not world.erp.vouchers  # the last call may still be at work
    world.later(seconds=1)
    assert world.wait(EntityType.INVOICE, "1") > timedelta(minutes=1)
    world.run()
    assert len(world.erp.vouchers) == 1


def test_a_lane_whose_only_record_always_fails_does_not_keep_the_others_from_probing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = world.moment.customer

    def customer(record_id: str) -> Customer | None:
        if record_id == "9":
            raise UnavailableError("Moment fails on this one.")
        return read(record_id)

    monkeypatch.setattr(world.moment, "customer", customer)
    world.receive(EntityType.CUSTOMER, "9")
    for _ in range(10):
        world.run_after(minutes=1)
    world.receive(EntityType.INVOICE, *"123")
    world.run_after(minutes=10)
    world.run_after(minutes=5)
    assert len(world.erp.vouchers) == 3


def test_a_leased_lane_does_not_keep_the_others_from_probing(world: World) -> None:
    world.receive(EntityType.CUSTOMER, "9", "10")
    lane, hour = Lane(world.connection.id, EntityType.CUSTOMER), timedelta(hours=1)
    assert leases.acquire(world.database, lane, limit=1, now=world.now, until=world.now + hour)
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    world.erp.fails_before["post"] = []
    world.run_after(minutes=5)
    assert len(world.erp.vouchers) == 1


def test_a_probe_that_shows_nothing_is_not_repeated_before_it_is_due(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    failed = JobFilter(entity_type=EntityType.INVOICE)
    job_actions.dismiss(world.database, failed, because="By hand.", actor="test", now=world.now)
    world.receive(EntityType.INVOICE, "2")
    world.moment.fails_before["invoice"] = [RuntimeError("A bug.")] * 3
    world.run_after(minutes=5)
    assert world.job(EntityType.INVOICE, "2").failed_attempts == 1


REFUSED = MisconfiguredError("The password is wrong.")


@pytest.mark.parametrize("before", [[], [DOWN] * 12])
def test_an_outage_after_a_pause_is_mailed_and_so_is_its_end(world: World, before: list[SyncError]) -> None:
    world.erp.fails_before["post"] = [*before, REFUSED]
    world.receive(EntityType.INVOICE, "1")
    while not world.connections.get(world.connection.id).paused_because:
        world.run()
        world.later(minutes=1)
    outage = [("outage", "Demo AS")]
    assert world.mails() == (outage if before else []) + [("paused", "Demo AS")]
    world.later(hours=3)
    told = world.mails()
    world.change_settings(password="another")
    fail(world)
    assert world.mails() == told  # it may be a hiccup
    world.run_after(minutes=5)
    world.run_after(minutes=5)
    assert world.mails() == told + outage
    world.erp.fails_before["post"] = []
    world.run_after(minutes=10)
    assert world.mails() == [*told, *outage, ("recovered", "Demo AS")]


def test_an_outage_with_a_manual_pause_and_resume_is_mailed_once(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    fail(world)
    world.connections.pause(world.connection.id, "for lunch", actor="kari", now=world.now)
    world.run_after(hours=1)
    world.connections.resume(world.connection.id, actor="kari", now=world.now)
    for _ in range(10):
        world.run_after(minutes=5)
    assert world.mails() == [("outage", "Demo AS")]
    world.erp.fails_before["post"] = []
    world.run_after(minutes=5)
    assert world.mails() == [("outage", "Demo AS"), ("recovered", "Demo AS")]


def starve(world: World, *, minutes: int) -> None:
    """Refuse each request for so long, as the budget does: each time until the next minute."""
    world.erp.fails_before["post"] = [
        RateLimitedError("The hour's requests are used up.", error_code="budget", retry_after=timedelta(minutes=1))
    ] * 1000
    for _ in range(minutes * 2):
        world.sweep()
        world.later(seconds=30)
    world.erp.fails_before["post"] = []


def test_used_up_requests_are_no_outage_and_pass_without_a_mail(world: World) -> None:
    world.receive(EntityType.INVOICE, *map(str, range(1, 61)))
    starve(world, minutes=10)
    assert world.erp.calls["post"] <= 11
    totals = dashboard.totals(world.database, Scope())
    assert (totals.outage, totals.rate_limited, totals.needs_attention) == (0, 1, 0)
    world.later(minutes=1)
    world.run(until_quiet=100)
    assert len(world.erp.vouchers) == 60
    assert world.mails() == []
    assert dashboard.totals(world.database, Scope()).rate_limited == 0


def test_a_long_lack_of_requests_is_mailed_once_and_when_it_is_over(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    starve(world, minutes=20)
    (alert,) = alert_outbox.pending_alerts(world.database, "books@example.com")
    assert (alert.type, alert.error_code) == (AlertType.RATE_LIMITED, "budget")
    assert alert.at - RATE_LIMIT_ALERT_AFTER >= factories.NOW
    assert alert.message.startswith("Nothing has synced since 10:")
    assert alert.message.endswith("The hour's requests are used up.")
    assert alert.remedy == ERROR_CODES["budget"].remedy
    world.run_after(minutes=2)
    assert world.mails() == [("rate_limited", "Demo AS"), ("recovered", "Demo AS")]


@pytest.mark.thousands
def test_no_record_is_given_up_however_long_requests_are_used_up(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    starve(world, minutes=2 * UNAVAILABLE.max_attempts)
    assert world.job(EntityType.INVOICE, "1").state is JobState.RETRYING
    world.run_after(minutes=2)
    assert len(world.erp.vouchers) == 1


def test_an_outage_after_a_lack_of_requests_is_mailed_as_an_outage(world: World) -> None:
    world.receive(EntityType.INVOICE, "1")
    starve(world, minutes=1)
    world.later(minutes=1)
    fail(world)
    world.run_after(minutes=5)
    totals = dashboard.totals(world.database, Scope())
    assert (totals.outage, totals.rate_limited) == (1, 0)
    assert world.mails() == [("outage", "Demo AS")]
