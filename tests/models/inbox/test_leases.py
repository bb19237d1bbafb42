from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, literal_column, select, table

from models import retention
from models.admin import job_actions, job_details
from models.admin.job_actions import ActionResult
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record
from models.inbox import dependencies, due, leases, links
from models.inbox.enqueue import enqueue
from models.inbox.leases import Lease, LeaseLostError
from models.inbox.links import Link
from models.inbox.transitions import JobEvent
from models.schema.tables import SyncJobRow
from tests.factories import NOW
from tests.installation import eventually
from tests.models import outages
from tests.models.completed_jobs import make_result

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lane(connection: Connection) -> Lane:
    return Lane(connection.id, EntityType.INVOICE)


def receive(database: Database, lane: Lane, *record_ids: str, now: datetime = NOW) -> None:
    enqueue(database, lane.connection_id, [Record(lane.entity_type, each) for each in record_ids], now=now)


def take(database: Database, lane: Lane, *, limit: int = 10, now: datetime = NOW) -> list[str]:
    lease = leases.acquire(database, lane, limit=limit, now=now, until=now + MINUTE)
    return [job.record.id for job in lease.jobs] if lease else []


def leased(database: Database, lane: Lane, *, limit: int = 10, now: datetime = NOW) -> Lease:
    lease = leases.acquire(database, lane, limit=limit, now=now, until=now + MINUTE)
    assert lease
    return lease


def complete(database: Database, lease: Lease, event: JobEvent = JobEvent.SYNCED, **values: Any) -> None:
    results = [make_result(each, event, **values) for each in lease.jobs]
    leases.complete(database, lease, results, clock=lambda: NOW)


def see(database: Database, lane: Lane, record_id: str) -> JobView:
    found = job_details.find_by_record(database, lane.connection_id, Record(lane.entity_type, record_id))
    assert found
    return found


def test_a_record_received_three_times_is_one_job(database: Database, lane: Lane) -> None:
    for _ in range(3):
        receive(database, lane, "1")
    assert take(database, lane) == ["1"]


@pytest.mark.parametrize(
    ("event", "warnings", "left"),
    [
        (JobEvent.SYNCED, ("The street was cut.",), ("The street was cut.",)),
        (JobEvent.SYNCED, (), ()),
        (JobEvent.SYNCED, None, ("The name was cut.",)),
        (JobEvent.REJECTED, None, ("The name was cut.",)),
    ],
)
def test_warnings_stay_on_a_job_until_an_attempt_gives_others(
    database: Database, lane: Lane, event: JobEvent, warnings: tuple[str, ...] | None, left: tuple[str, ...]
) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), warnings=("The name was cut.",))
    receive(database, lane, "1")
    complete(database, leased(database, lane), event, warnings=warnings)
    job = see(database, lane, "1")
    assert job.warnings == left
    assert [each.warnings for each in job_details.attempts(database, job.id)] == [
        ("The name was cut.",),
        warnings or (),
    ]


def test_jobs_are_leased_in_the_order_of_their_arrival(database: Database, lane: Lane) -> None:
    for n, record_id in enumerate("cab"):
        receive(database, lane, record_id, now=NOW + n * timedelta(seconds=1))
    assert take(database, lane, now=NOW + MINUTE) == ["c", "a", "b"]


def test_a_lane_is_leased_to_one_worker_at_a_time(database: Database, lane: Lane) -> None:
    receive(database, lane, "1", "2")
    assert take(database, lane, limit=1) == ["1"]
    assert take(database, lane) == []


def test_other_lanes_can_be_leased_at_the_same_time(database: Database, lane: Lane) -> None:
    other = Lane(lane.connection_id, EntityType.CUSTOMER)
    receive(database, lane, "1")
    receive(database, other, "1")
    assert take(database, lane) == ["1"]
    assert take(database, other) == ["1"]


def test_a_record_whose_webhook_arrives_during_an_attempt_is_tried_again(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    receive(database, lane, "1")
    complete(database, lease)
    assert take(database, lane) == ["1"]


def test_a_refused_record_that_changed_meanwhile_is_tried_at_once(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    receive(database, lane, "1")
    complete(database, lease, JobEvent.REJECTED)
    assert take(database, lane) == ["1"]


def test_a_completed_job_is_not_taken_again(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane))
    assert take(database, lane, now=NOW + 10 * MINUTE) == []
    assert see(database, lane, "1").outcome is Outcome.SYNCED


def test_a_waiting_job_keeps_its_time_however_often_it_is_received(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), JobEvent.FAILED, due_at=NOW + 5 * MINUTE)
    receive(database, lane, "1", now=NOW + MINUTE)
    assert take(database, lane, now=NOW + 4 * MINUTE) == []
    assert take(database, lane, now=NOW + 5 * MINUTE) == ["1"]


def test_a_job_that_needs_attention_is_tried_when_its_record_changes(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), JobEvent.REJECTED)
    receive(database, lane, "1", now=NOW + MINUTE)
    assert take(database, lane, now=NOW + MINUTE) == ["1"]


def test_a_dependency_that_needs_attention_is_left_alone(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), JobEvent.REJECTED)
    enqueue(
        database,
        lane.connection_id,
        [Record(lane.entity_type, "1"), Record(lane.entity_type, "2")],
        now=NOW,
        as_dependency=True,
    )
    assert take(database, lane) == ["2"]


def test_a_lease_that_expires_is_taken_over_and_its_outcome_is_unknown(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lost = leased(database, lane)
    assert due.lanes(database, now=NOW) == []
    assert due.lanes(database, now=NOW + MINUTE) == [lane]
    (job,) = leased(database, lane, now=NOW + MINUTE).jobs
    assert (job.outcome_unknown, job.worker_crashes) == (True, 1)
    with pytest.raises(LeaseLostError):
        complete(database, lost)


def test_a_worker_whose_last_response_was_lost_takes_back_no_crash_of_others(
    database: Database, lane: Lane
) -> None:
    receive(database, lane, "1")
    for minute in range(2):
        leased(database, lane, now=NOW + minute * MINUTE)
    lease = leased(database, lane, now=NOW + 2 * MINUTE)
    complete(
        database, lease, JobEvent.UNTRIED, outcome=None, due_at=NOW
    )  # PostgreSQL goes down before it responds
    leases.uncount_crash(database, lease, now=NOW)
    (job,) = leased(database, lane, now=NOW + 2 * MINUTE).jobs
    assert job.worker_crashes == 2


def test_a_renewed_lease_is_not_taken_over(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    leases.renew(database, lease, until=NOW + 5 * MINUTE)
    assert take(database, lane, now=NOW + 4 * MINUTE) == []


def test_a_lease_that_was_taken_over_cannot_be_renewed(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lost = leased(database, lane)
    leased(database, lane, now=NOW + MINUTE)
    with pytest.raises(LeaseLostError):
        leases.renew(database, lost, until=NOW + 5 * MINUTE)


def test_a_record_whose_worker_vanished_is_taken_alone(database: Database, lane: Lane) -> None:
    receive(database, lane, "1", "2")
    leased(database, lane)
    receive(database, lane, "3", now=NOW + MINUTE)
    assert take(database, lane, now=NOW + MINUTE) == ["1"]


def test_a_paused_connection_keeps_its_jobs(
    database: Database, lane: Lane, connections: Connections, connection: Connection
) -> None:
    receive(database, lane, "1")
    connections.pause(connection.id, "The password is wrong.", now=NOW)
    assert due.lanes(database, now=NOW) == []
    assert take(database, lane) == []
    connections.resume(connection.id, actor="test", now=NOW)
    assert take(database, lane) == ["1"]


@pytest.mark.parametrize("event", [JobEvent.DEPENDENCY_PENDING, JobEvent.DEPENDENCY_ENDED])
def test_jobs_that_wait_for_a_record_are_woken_only_by_its_link(
    database: Database, lane: Lane, event: JobEvent
) -> None:
    dependency, other = (Record(EntityType.CUSTOMER, each) for each in "78")
    receive(database, lane, "1")
    due_at = NOW + 10 * MINUTE
    complete(
        database,
        leased(database, lane),
        event,
        due_at=due_at,
        dependency=dependency,
    )
    links.save(database, lane.connection_id, other, Link("10008"), now=NOW)
    assert dependencies.wake(database, lane.connection_id, [dependency, other], now=NOW) == set()
    links.save(database, lane.connection_id, dependency, Link("10007"), now=NOW)
    assert dependencies.wake(database, lane.connection_id, [other], now=NOW) == set()
    assert dependencies.wake(database, lane.connection_id, [dependency, other], now=NOW) == {lane}
    assert take(database, lane) == ["1"]


def test_jobs_that_wait_for_a_record_without_a_link_are_due_and_remember_it(
    database: Database, lane: Lane
) -> None:
    customer = Record(EntityType.CUSTOMER, "7")
    receive(database, lane, "1", "2")
    waits = {"due_at": NOW + 10 * MINUTE, "dependency": customer}
    complete(database, leased(database, lane, limit=1), JobEvent.DEPENDENCY_PENDING, **waits)
    complete(database, leased(database, lane, limit=1), JobEvent.DEPENDENCY_ENDED, **waits)
    assert dependencies.end_wait(database, lane.connection_id, [customer], now=NOW) == {lane}
    (job,) = leased(database, lane).jobs
    assert (job.record.id, job.dependency) == ("1", customer)


def test_every_attempt_is_kept_with_its_message(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    complete(database, lease, JobEvent.FAILED, due_at=NOW, error_code="unavailable", message="Down.")
    complete(database, leased(database, lane), message="Voucher 1.")
    told = [(each.outcome, each.message) for each in job_details.attempts(database, see(database, lane, "1").id)]
    assert told == [(Outcome.FAILED, "Down."), (Outcome.SYNCED, "Voucher 1.")]


def test_an_untried_job_has_no_attempt(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), JobEvent.UNTRIED, due_at=NOW)
    assert job_details.attempts(database, see(database, lane, "1").id) == []
    assert take(database, lane) == ["1"]


def test_a_person_can_retry_a_job_that_needs_attention(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane), JobEvent.REJECTED)
    chosen = JobFilter(ids=frozenset({see(database, lane, "1").id}))
    assert job_actions.retry(database, chosen, actor="kari", now=NOW) == ActionResult(1, frozenset({lane}))
    assert take(database, lane) == ["1"]


def test_old_attempts_are_deleted_and_the_state_of_the_job_is_kept(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    complete(database, leased(database, lane))
    retention.delete_attempts(database, before=NOW + MINUTE)
    assert job_details.attempts(database, see(database, lane, "1").id) == []
    assert see(database, lane, "1").outcome is Outcome.SYNCED


def test_a_record_received_during_an_attempt_does_not_wait_for_its_recheck(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    receive(database, lane, "1")
    complete(database, lease, due_at=NOW + timedelta(days=1))
    assert take(database, lane) == ["1"]


def test_leasing_an_empty_lane_does_not_keep_the_circuit_breaker_open(database: Database, lane: Lane) -> None:
    receive(database, lane, "1", now=NOW)
    outages.fail(database, lane.connection_id, retry_after=MINUTE, now=NOW - MINUTE)
    assert take(database, Lane(lane.connection_id, EntityType.CUSTOMER)) == []
    assert take(database, lane) == ["1"]


def test_a_batch_that_proves_nothing_closes_no_breaker(database: Database, lane: Lane) -> None:
    receive(database, lane, "1")
    lease = leased(database, lane)
    outages.fail(database, lane.connection_id, retry_after=10 * MINUTE, now=NOW)
    complete(database, lease, JobEvent.SKIPPED)
    receive(database, lane, "2")
    assert take(database, lane, now=NOW + 5 * MINUTE) == []
    assert take(database, lane, now=NOW + 10 * MINUTE) == ["2"]


def test_one_lane_probes_at_a_time_and_nothing_else_is_tried_meanwhile(
    database: Database, connections: Connections, lane: Lane
) -> None:
    other = Lane(lane.connection_id, EntityType.CUSTOMER)
    receive(database, lane, "1")
    receive(database, other, "2", now=NOW + timedelta(seconds=1))
    outages.fail(database, lane.connection_id, retry_after=MINUTE, now=NOW)
    probed = NOW + 2 * MINUTE
    assert take(database, lane, now=probed) == ["1"]
    assert not connections.get(lane.connection_id).is_available(probed)
    assert take(database, other, now=probed + MINUTE / 2) == []
    assert take(database, other, now=probed + MINUTE) == ["2"]


@pytest.mark.parametrize("saved", [False, True])
def test_a_batch_pauses_its_connection_unless_the_settings_were_saved_since(
    database: Database, connections: Connections, lane: Lane, *, saved: bool
) -> None:
    receive(database, lane, "1")
    lease, connection = leased(database, lane), connections.get(lane.connection_id)
    if saved:
        connections.update(connection.id, {"client_id": "7"}, actor="kari", now=NOW + MINUTE)
    refused = make_result(lease.jobs[0], JobEvent.MISCONFIGURED, problem=outages.problem(AlertType.PAUSED))
    leases.complete(database, lease, [refused], clock=lambda: NOW, seen=connection.updated_at)
    assert bool(connections.get(connection.id).paused_because) is not saved


def test_the_end_of_an_outage_locks_its_batch_and_delayed_jobs_in_one_order(
    database: Database, lane: Lane
) -> None:
    """Another transaction locks both in that order, so neither deadlocks with the other."""
    receive(database, lane, "1")
    receive(database, lane, "2", now=NOW + 5 * MINUTE)
    outages.fail(database, lane.connection_id, retry_after=MINUTE, now=NOW - 2 * MINUTE)
    lease = leased(database, lane)
    first, second = (select(SyncJobRow.id).where(SyncJobRow.record_id == each) for each in "12")
    with ThreadPoolExecutor() as pool:
        with database.transaction() as session:
            session.scalars(first.with_for_update()).one()
            completed = pool.submit(complete, database, lease)
            eventually(lambda: waits_for_a_lock(database))
            assert session.scalars(second.with_for_update(nowait=True)).one()
        completed.result()
    assert see(database, lane, "1").outcome is Outcome.SYNCED


def waits_for_a_lock(database: Database) -> bool:
    waiting = literal_column("wait_event_type") == "Lock"
    return database.scalar(select(func.count()).select_from(table("pg_stat_activity")).where(waiting)) != 0
