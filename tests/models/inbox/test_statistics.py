from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.admin import dashboard, job_actions
from models.admin.dashboard import PeriodStatistics
from models.admin.job_filter import JobFilter
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, Lane, Outcome, Record, Scope
from models.inbox import leases, links, statistics
from models.inbox.enqueue import enqueue
from models.inbox.leases import AttemptResult
from models.inbox.links import Link
from models.inbox.statistics import Granularity
from models.inbox.transitions import JobEvent
from tests.factories import NOW, settings
from tests.models.completed_jobs import completed_job

OSLO = ZoneInfo("Europe/Oslo")
MINUTE = timedelta(minutes=1)


def now_of(
    database: Database,
    granularity: Granularity = Granularity.HOUR,
    *,
    scope: Scope | None = None,
    now: datetime = NOW,
) -> PeriodStatistics:
    return dashboard.last_periods(database, granularity, 2, scope=scope or Scope(), now=now)[-1]


def test_attempts_are_counted_by_outcome(database: Database, connection: Connection) -> None:
    for n, outcome in enumerate((Outcome.SYNCED, Outcome.SYNCED, Outcome.UNCHANGED, Outcome.SKIPPED)):
        completed_job(database, connection.id, Record(EntityType.INVOICE, str(n)), outcome=outcome)
    completed_job(database, connection.id, Record(EntityType.CUSTOMER, "1"), event=JobEvent.REJECTED)
    for granularity in Granularity:
        period = now_of(database, granularity)
        assert (period.synced, period.unchanged, period.skipped, period.failed) == (2, 1, 1, 1)


def test_the_time_from_event_to_outcome_counts_synced_records_only(
    database: Database, connection: Connection
) -> None:
    lane, records = Lane(connection.id, EntityType.INVOICE), [Record(EntityType.INVOICE, each) for each in "123"]
    for n, record in enumerate(records):
        enqueue(database, connection.id, [record], now=NOW + n * MINUTE)
    later = NOW + 3 * MINUTE
    lease = leases.acquire(database, lane, limit=3, now=later, until=later + MINUTE)
    assert lease
    ends = (Outcome.SKIPPED, Outcome.SYNCED, Outcome.SYNCED)
    ended = [
        AttemptResult(job_id=job.id, event=JobEvent.SYNCED, outcome=outcome)
        for job, outcome in zip(lease.jobs, ends, strict=True)
    ]
    leases.complete(database, lease, ended, clock=lambda: later)
    period = now_of(database)
    assert (period.mean_seconds, period.max_seconds) == (90, 120)


def test_waiting_for_a_record_is_no_failure_unless_that_has_ended(
    database: Database, connection: Connection
) -> None:
    for n, event in enumerate((JobEvent.DEPENDENCY_PENDING, JobEvent.DEPENDENCY_ENDED)):
        customer = Record(EntityType.CUSTOMER, "7")
        completed_job(
            database, connection.id, Record(EntityType.INVOICE, str(n)), event=event, dependency=customer
        )
    assert now_of(database).failed == 1


def test_untried_jobs_are_not_counted(database: Database, connection: Connection) -> None:
    completed_job(database, connection.id, event=JobEvent.UNTRIED)
    assert now_of(database) == PeriodStatistics(Granularity.HOUR.start_of(NOW))


def test_users_see_the_numbers_of_their_connections_only(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    for each, number in ((connection, 2), (other, 3)):
        for n in range(number):
            completed_job(database, each.id, Record(EntityType.INVOICE, str(n)))
    scopes = (Scope(), Scope(frozenset({connection.id})), Scope(frozenset()))
    assert [now_of(database, scope=scope).synced for scope in scopes] == [5, 2, 0]


def test_an_hour_without_attempts_is_reported_too(database: Database, connection: Connection) -> None:
    completed_job(database, connection.id, at=NOW - 5 * 60 * MINUTE)
    told = dashboard.last_periods(database, Granularity.HOUR, 24, scope=Scope(), now=NOW)
    assert [period.synced for period in told] == [0] * 18 + [1] + [0] * 5
    assert told[-1].starts_at == NOW


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29, tzinfo=OSLO), 23), (datetime(2026, 10, 25, tzinfo=OSLO), 25)]
)
def test_days_are_those_of_oslo_even_when_the_clock_changes(
    database: Database, connection: Connection, day: datetime, hours: int
) -> None:
    for at in (day, day.astimezone(UTC) + timedelta(hours=hours - 1)):
        completed_job(database, connection.id, at=at)
    completed_job(database, connection.id, at=day.astimezone(UTC) + timedelta(hours=hours))
    told = dashboard.last_periods(
        database, Granularity.DAY, 2, scope=Scope(), now=day + timedelta(days=1, hours=12)
    )
    assert [(period.starts_at, period.synced) for period in told] == [(day, 2), (day + timedelta(days=1), 1)]


def test_hours_are_reported_one_by_one_when_the_clock_changes() -> None:
    begins = Granularity.HOUR.last(4, now=datetime(2026, 10, 25, 3, 30, tzinfo=OSLO))
    assert [f"{each:%H %z}" for each in begins] == ["01 +0200", "02 +0200", "02 +0100", "03 +0100"]


def test_old_statistics_are_deleted_hours_sooner_than_days(database: Database, connection: Connection) -> None:
    completed_job(database, connection.id)
    statistics.delete_old(database, now=NOW + timedelta(days=8))
    assert (now_of(database, Granularity.HOUR).synced, now_of(database, Granularity.DAY).synced) == (0, 1)
    statistics.delete_old(database, now=NOW + timedelta(days=402))
    assert now_of(database, Granularity.DAY).synced == 0


def test_the_time_that_a_person_takes_does_not_count(database: Database, connection: Connection) -> None:
    asked = completed_job(database, connection.id, event=JobEvent.REJECTED)
    decided = NOW + timedelta(days=3)
    job_actions.retry(database, JobFilter(ids=frozenset({asked.id})), actor="kari", now=decided)
    done = decided + MINUTE
    lane = Lane(connection.id, EntityType.INVOICE)
    lease = leases.acquire(database, lane, limit=1, now=done, until=done + MINUTE)
    assert lease
    assert lease.jobs[0].processable_since == decided
    synced = [AttemptResult(job_id=asked.id, event=JobEvent.SYNCED, outcome=Outcome.SYNCED)]
    leases.complete(database, lease, synced, clock=lambda: done)
    assert now_of(database, now=done).max_seconds == 60


def test_the_time_that_a_person_takes_for_a_dependency_does_not_count(
    database: Database, connection: Connection
) -> None:
    customer, decided = Record(EntityType.CUSTOMER, "7"), NOW + timedelta(days=3)
    asked = completed_job(database, connection.id, customer, event=JobEvent.REJECTED)
    waiting = completed_job(database, connection.id, event=JobEvent.DEPENDENCY_PENDING, dependency=customer)
    job_actions.retry(database, JobFilter(ids=frozenset({asked.id})), actor="kari", now=decided)
    links.save(database, connection.id, customer, Link("10001"), now=decided)
    for entity_type, job_id in ((EntityType.CUSTOMER, asked.id), (EntityType.INVOICE, waiting.id)):
        lane = Lane(connection.id, entity_type)
        lease = leases.acquire(database, lane, limit=1, now=decided, until=decided + MINUTE)
        assert lease
        synced = [AttemptResult(job_id=job_id, event=JobEvent.SYNCED, outcome=Outcome.SYNCED)]
        leases.complete(database, lease, synced, clock=lambda: decided)
    assert (now_of(database, now=decided).synced, now_of(database, now=decided).max_seconds) == (2, 0)
