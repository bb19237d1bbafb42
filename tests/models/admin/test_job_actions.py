from datetime import timedelta

import pytest
from sqlalchemy import distinct, func, select, text

from i18n.messages import msg
from models.admin import audit_log, job_actions, job_details, job_list
from models.admin.job_actions import RESOLVED_MANUALLY, SKIPPED_PERMANENTLY, ActionResult
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record, Scope
from models.inbox import due, leases
from models.inbox.enqueue import enqueue
from models.inbox.transitions import JobEvent
from models.pagination import Key
from models.schema.tables import SyncJobRow
from tests.factories import NOW, settings
from tests.models.completed_jobs import INVOICE, completed_job, only

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def failed_job(database: Database, connection: Connection) -> JobView:
    """An invoice that needs attention."""
    return completed_job(
        database,
        connection.id,
        event=JobEvent.REJECTED,
        title=msg("Invoice {name}", name="1024"),
        error_code="account",
        message="The account 3999 is unknown.",
        remedy="Open it.",
    )


def see(database: Database, job: JobView) -> JobView:
    found = job_details.find(database, job.id)
    assert found
    return found


def dismiss(database: Database, job_filter: JobFilter) -> ActionResult:
    return job_actions.dismiss(database, job_filter, because=RESOLVED_MANUALLY, actor="kari", now=LATER)


def test_a_retried_job_is_due_at_once(database: Database, failed_job: JobView) -> None:
    acted = job_actions.retry(database, only(failed_job), actor="kari", now=LATER)
    assert acted == ActionResult(1, frozenset({Lane(failed_job.connection_id, EntityType.INVOICE)}))
    assert (see(database, failed_job).state, see(database, failed_job).due_at) == (JobState.QUEUED, LATER)
    assert due.lanes(database, now=LATER) == [Lane(failed_job.connection_id, EntityType.INVOICE)]


def test_a_skipped_job_can_be_retried_too(database: Database, connection: Connection) -> None:
    skipped = completed_job(database, connection.id, outcome=Outcome.SKIPPED, error_code="not_listed")
    assert job_actions.retry(database, only(skipped), actor="kari", now=LATER).count == 1


def test_a_running_job_is_left_to_its_worker(database: Database, connection: Connection) -> None:
    enqueue(database, connection.id, [INVOICE], now=NOW)
    leases.acquire(database, Lane(connection.id, EntityType.INVOICE), limit=1, now=NOW, until=LATER)
    everything = JobFilter()
    assert job_actions.retry(database, everything, actor="kari", now=NOW).count == 0
    assert dismiss(database, everything).count == 0


def test_a_dismissed_job_says_who_dismissed_it_and_keeps_its_error(
    database: Database, failed_job: JobView
) -> None:
    dismiss(database, only(failed_job))
    closed = see(database, failed_job)
    assert (closed.state, closed.dismissal_reason) == (JobState.DISMISSED, "Resolved manually (kari)")
    assert (closed.error_code, closed.message, closed.remedy) == (
        failed_job.error_code,
        failed_job.message,
        failed_job.remedy,
    )


def test_a_reopened_job_is_back_in_its_former_state(database: Database, failed_job: JobView) -> None:
    dismiss(database, only(failed_job))
    assert job_actions.reopen(database, only(failed_job), actor="kari", now=LATER).count == 1
    opened = see(database, failed_job)
    assert (opened.state, opened.dismissal_reason, opened.message) == (
        JobState.NEEDS_ATTENTION,
        "",
        failed_job.message,
    )


def test_a_waiting_job_is_due_when_it_is_reopened(database: Database, connection: Connection) -> None:
    waits = completed_job(database, connection.id, event=JobEvent.DEPENDENCY_PENDING)
    dismiss(database, only(waits))
    job_actions.reopen(database, only(waits), actor="kari", now=LATER)
    assert see(database, waits).state is JobState.QUEUED


def test_jobs_dismissed_together_are_reopened_together_and_no_others(
    database: Database, connection: Connection, failed_job: JobView
) -> None:
    other = completed_job(database, connection.id, Record(EntityType.INVOICE, "10"), event=JobEvent.REJECTED)
    job_actions.dismiss(database, only(other), because=SKIPPED_PERMANENTLY, actor="kari", now=NOW)
    dismiss(database, only(failed_job))
    assert job_actions.reopen(database, JobFilter(dismissed_at=LATER), actor="kari", now=LATER).count == 1
    assert (see(database, failed_job).state, see(database, other).state) == (
        JobState.NEEDS_ATTENTION,
        JobState.DISMISSED,
    )


def test_one_transaction_changes_a_limited_number_of_jobs(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_actions, "JOBS_PER_TRANSACTION", 2)
    for record_id in ("1", "2", "3"):
        completed_job(database, connection.id, Record(EntityType.INVOICE, record_id), event=JobEvent.REJECTED)
    lanes = frozenset({Lane(connection.id, EntityType.INVOICE)})
    for act in (dismiss, lambda database, which: job_actions.retry(database, which, actor="kari", now=LATER)):
        assert act(database, JobFilter()) == ActionResult(3, lanes)
        assert database.scalar(select(func.count(distinct(text("xmin::text")))).select_from(SyncJobRow)) == 2


def test_users_cannot_touch_jobs_outside_their_scope(
    database: Database, connections: Connections, failed_job: JobView
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord-as"), actor="test", now=NOW)
    theirs = Scope(frozenset({other.id}))
    for job_filter in (
        JobFilter(scope=theirs, ids=frozenset({failed_job.id})),
        JobFilter(scope=theirs),
        JobFilter(scope=Scope(frozenset())),
    ):
        assert job_actions.count(database, job_filter) == 0
        assert job_actions.retry(database, job_filter, actor="ola", now=LATER).count == 0
        assert dismiss(database, job_filter).count == 0
    assert see(database, failed_job) == failed_job


def test_all_jobs_of_a_filter_up_to_an_instant_are_dismissed(
    database: Database, connection: Connection, failed_job: JobView
) -> None:
    completed_job(
        database,
        connection.id,
        Record(EntityType.INVOICE, "10"),
        event=JobEvent.REJECTED,
        error_code="other",
    )
    late = completed_job(
        database,
        connection.id,
        Record(EntityType.INVOICE, "11"),
        event=JobEvent.REJECTED,
        error_code="account",
        at=LATER,
    )
    job_filter = JobFilter(connection_id=connection.id, error_code="account", until=NOW)
    assert job_actions.count(database, job_filter) == dismiss(database, job_filter).count == 1
    assert [see(database, each).state for each in (failed_job, late)] == [
        JobState.DISMISSED,
        JobState.NEEDS_ATTENTION,
    ]


def test_who_did_what_to_a_record_is_in_the_audit_log_and_its_timeline(
    database: Database, failed_job: JobView
) -> None:
    dismiss(database, only(failed_job))
    job_actions.reopen(database, only(failed_job), actor="ola", now=LATER)
    job_actions.retry(database, only(failed_job), actor="ola", now=LATER)
    done = [
        ("ola", "Retry: Invoice 1024"),
        ("ola", "Reopened: Invoice 1024"),
        ("kari", "Resolved manually: Invoice 1024"),
    ]
    assert [(deed.actor, deed.action) for deed in job_details.actions(database, failed_job.id)] == done
    lines = audit_log.page(database, Scope(frozenset({failed_job.connection_id}))).lines
    assert [(line.actor, line.action, line.job_id) for line in lines][:3] == [
        (*deed, failed_job.id) for deed in done
    ]


def test_attempts_are_paged_the_latest_first(database: Database, connection: Connection) -> None:
    instants = [NOW + timedelta(minutes=n) for n in range(job_details.ATTEMPTS_PER_PAGE + 5)]
    tried = [completed_job(database, connection.id, at=at, message=f"{at:%H:%M}") for at in instants][-1]
    first = job_details.attempts_page(database, tried.id, key=None)
    assert [attempt.at for attempt in first.lines] == instants[: -job_details.ATTEMPTS_PER_PAGE - 1 : -1]
    assert first.older
    last = job_details.attempts_page(database, tried.id, key=Key.parse(str(first.older)))
    assert [attempt.at for attempt in last.lines] == instants[4::-1]


def test_a_dismissed_job_is_listed_by_the_error_code_that_it_had(database: Database, failed_job: JobView) -> None:
    dismiss(database, only(failed_job))
    job_filter = JobFilter(error_code="account", states=frozenset({JobState.DISMISSED}))
    assert [view.id for view in job_list.latest(database, job_filter)] == [failed_job.id]
