from datetime import timedelta
from typing import Any

import pytest

from i18n.messages import msg
from models.admin import erasure, job_actions
from models.admin.job_actions import JobActionName
from models.admin.job_filter import JobFilter
from models.admin.operations import Operations, OperationType
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection, Connections
from models.connections.vault import Vault
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record, Scope
from models.inbox import circuit_breaker, leases
from models.inbox.circuit_breaker import OUTAGE_ALERT_AFTER
from models.inbox.enqueue import enqueue
from models.inbox.leases import LeaseLostError
from models.inbox.transitions import TABLE, JobEvent
from models.receivers.outbox import EventType, OutgoingEvent
from models.receivers.repository import Receivers
from tests.factories import NOW, settings
from tests.models import outages
from tests.models.completed_jobs import HOUR, INVOICE, completed_job, make_result
from tests.models.event_log import add_receiver, event_types, events, events_of

DONE, NEEDS, RECOVERED = "job.done", "job.needs_attention", "job.recovered"
ATTEMPTED = {JobEvent.SYNCED, JobEvent.SKIPPED, JobEvent.REJECTED, JobEvent.EXHAUSTED, JobEvent.DEPENDENCY_ENDED}
"""The ends of an attempt that cause events; each is completed under a lease."""


@pytest.mark.parametrize(
    ("event", "outcome", "expected"),
    [
        (JobEvent.SYNCED, "synced", [DONE]),
        (JobEvent.SKIPPED, "skipped", [DONE]),
        (JobEvent.REJECTED, "failed", [NEEDS]),
        (JobEvent.EXHAUSTED, "failed", [NEEDS]),
        (JobEvent.DEPENDENCY_ENDED, "failed", [NEEDS]),
        (JobEvent.FAILED, "failed", []),
        (JobEvent.DEPENDENCY_PENDING, "failed", []),
        (JobEvent.RATE_LIMITED, "failed", []),
    ],
)
def test_an_attempt_causes_an_event_if_the_job_is_done_or_needs_attention(
    database: Database,
    connection: Connection,
    receivers: Receivers,
    event: JobEvent,
    outcome: str,
    expected: list[str],
) -> None:
    add_receiver(receivers)
    job = completed_job(database, connection.id, event=event, error_code="account")
    data = {
        "job_id": job.id,
        "revision": 1,
        "entity_type": "invoice",
        "record_id": "9",
        "outcome": outcome,
        "error_code": "account",
    }
    assert events(database) == [(each, data) for each in expected]


def test_every_transition_that_ends_a_job_causes_an_event() -> None:
    ending = {JobState.DONE, JobState.NEEDS_ATTENTION, JobState.DISMISSED}
    found = {event for event, cells in TABLE.items() if any(cell.state in ending for cell in cells.values())}
    assert found == ATTEMPTED | {JobEvent.REOPENED_UNSOLVED, JobEvent.ASKED_AGAIN, JobEvent.DISMISSED}


def test_a_job_that_needed_attention_is_done_and_recovered(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers)
    completed_job(database, connection.id, event=JobEvent.REJECTED)
    completed_job(database, connection.id, at=NOW + HOUR)
    assert [(type_, data["revision"]) for type_, data in events(database)] == [
        (DONE, 2),
        (NEEDS, 1),
        (RECOVERED, 2),
    ]


def test_the_revision_is_that_of_the_attempt_even_if_the_record_changed_since(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers)
    enqueue(database, connection.id, [INVOICE], now=NOW)
    lane = Lane(connection.id, EntityType.INVOICE)
    lease = leases.acquire(database, lane, limit=1, now=NOW, until=NOW + HOUR)
    assert lease
    enqueue(database, connection.id, [INVOICE], now=NOW)
    leases.complete(database, lease, [make_result(lease.jobs[0])], clock=lambda: NOW)
    assert [(type_, data["revision"]) for type_, data in events(database)] == [(DONE, 1)]


def test_a_recheck_with_the_same_result_causes_no_second_event(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers)
    waits: dict[str, Any] = {"event": JobEvent.SKIPPED, "due_at": NOW + HOUR, "error_code": "not_approved"}
    for hours in range(3):
        completed_job(database, connection.id, at=NOW + hours * HOUR, **waits)
    assert event_types(database) == [DONE]
    completed_job(database, connection.id, at=NOW + 3 * HOUR)
    assert event_types(database) == [DONE, DONE]


@pytest.mark.parametrize(("action", "resolved"), [(JobActionName.DISMISS, False), (JobActionName.RESOLVE, True)])
def test_the_event_of_a_dismissed_job_says_whether_it_was_resolved(
    database: Database, connection: Connection, receivers: Receivers, action: JobActionName, *, resolved: bool
) -> None:
    job = completed_job(database, connection.id, event=JobEvent.REJECTED, error_code="account")
    add_receiver(receivers)
    job_actions.perform(database, action, JobFilter(), actor="kari", now=NOW)
    ((type_, data),) = events(database)
    assert (type_, data["job_id"], data["resolved"]) == ("job.dismissed", job.id, resolved)
    job_actions.perform(database, action, JobFilter(), actor="kari", now=NOW)
    assert event_types(database) == ["job.dismissed"]


def test_jobs_that_are_reopened_together_cause_an_event_each(
    database: Database, connection: Connection, connections: Connections, receivers: Receivers
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord"), actor="test", now=NOW)
    jobs = [
        completed_job(
            database, each.id, Record(EntityType.INVOICE, number), event=JobEvent.REJECTED, error_code="a"
        )
        for each in (connection, other)
        for number in ("1", "2")
    ]
    job_actions.dismiss(database, JobFilter(), because="Never.", actor="kari", now=NOW)
    ours, all_ = add_receiver(receivers, connections=[connection.id]), add_receiver(receivers)
    assert job_actions.reopen(database, JobFilter(), actor="kari", now=NOW).count == 4
    assert events_of(database, ours) == [NEEDS] * 2
    assert events_of(database, all_) == [NEEDS] * 4
    assert {data["job_id"] for _, data in events(database)} == {job.id for job in jobs}


def test_a_rolled_back_change_causes_no_event(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers)
    enqueue(database, connection.id, [INVOICE], now=NOW)
    lane = Lane(connection.id, EntityType.INVOICE)
    lost = leases.acquire(database, lane, limit=1, now=NOW, until=NOW + HOUR)
    assert lost
    assert leases.acquire(database, lane, limit=1, now=NOW + 2 * HOUR, until=NOW + 3 * HOUR)
    with pytest.raises(LeaseLostError):
        leases.complete(database, lost, [make_result(lost.jobs[0])], clock=lambda: NOW)
    assert events(database) == []


def test_a_receiver_gets_the_events_that_it_has_chosen(
    database: Database, connection: Connection, connections: Connections, receivers: Receivers
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord"), actor="test", now=NOW)
    everything, ended_only = add_receiver(receivers), add_receiver(receivers, types=[EventType.JOB_DONE])
    theirs, off = add_receiver(receivers, connections=[other.id]), add_receiver(receivers)
    receivers.disable(off.id, actor="test", now=NOW)
    completed_job(database, connection.id, event=JobEvent.REJECTED)
    completed_job(database, connection.id, at=NOW + HOUR)
    assert events_of(database, everything) == [DONE, NEEDS, RECOVERED]
    assert events_of(database, ended_only) == [DONE]
    assert events_of(database, theirs) == events_of(database, off) == []


def test_events_that_no_receiver_wants_are_not_written(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers, types=[EventType.CONNECTION_DOWN])
    completed_job(database, connection.id)
    assert events(database) == []


def test_a_pause_by_a_person_and_its_end_cause_events(
    database: Database, connection: Connection, connections: Connections, receivers: Receivers
) -> None:
    add_receiver(receivers)
    connections.pause(connection.id, msg("Year end at Kari's."), actor="kari@example.com", now=NOW)
    assert events(database) == [("connection.paused", {"by": "person", "error_code": None})]
    connections.resume(connection.id, actor="kari@example.com", now=NOW)
    assert event_types(database) == ["connection.paused", "connection.recovered"]


def test_a_connection_that_starts_has_not_recovered(
    database: Database, connections: Connections, receivers: Receivers
) -> None:
    add_receiver(receivers)
    new, _ = connections.add("Ny AS", settings(), actor="test", now=NOW, started=False)
    connections.resume(new.id, actor="test", now=NOW)
    assert events(database) == []


def test_a_pause_by_the_integration_is_over_when_a_record_is_synced(
    database: Database, connection: Connection, connections: Connections, receivers: Receivers
) -> None:
    add_receiver(receivers)
    circuit_breaker.pause(database, connection.id, outages.problem(AlertType.PAUSED), now=NOW)
    assert events(database) == [("connection.paused", {"by": "integration", "error_code": None})]
    connections.update(connection.id, {"username": "other@example.com"}, actor="test", now=NOW)
    assert event_types(database) == ["connection.paused"]
    outages.recover(database, connection.id, now=NOW)
    assert event_types(database) == ["connection.paused", "connection.recovered"]


def test_an_outage_and_its_end_cause_events_when_they_are_alerted(
    database: Database, connection: Connection, receivers: Receivers
) -> None:
    add_receiver(receivers)
    outages.fail(database, connection.id, retry_after=timedelta(), now=NOW)
    outages.recover(database, connection.id, now=NOW)
    assert events(database) == []  # an outage this short is not alerted
    for minutes in (0, 1, 2, 3, 4):
        outages.fail(database, connection.id, retry_after=timedelta(), now=NOW + minutes * OUTAGE_ALERT_AFTER)
    assert events(database) == [("connection.down", {"since": NOW.isoformat(), "error_code": None})]
    outages.recover(database, connection.id, now=NOW + HOUR)
    assert event_types(database) == ["connection.down", "connection.recovered"]


def test_a_rate_limit_is_no_outage(database: Database, connection: Connection, receivers: Receivers) -> None:
    add_receiver(receivers)
    for minutes in (0, 10, 20):
        outages.fail(
            database,
            connection.id,
            alert_type=AlertType.RATE_LIMITED,
            retry_after=HOUR,
            now=NOW + timedelta(minutes=minutes),
        )
    outages.recover(database, connection.id, now=NOW + HOUR)
    assert events(database) == []


def test_a_completed_operation_causes_one_event(
    database: Database, connection: Connection, receivers: Receivers, vault: Vault
) -> None:
    add_receiver(receivers)
    operations = Operations(database, vault)
    asked = operations.request(OperationType.RECONCILIATION, connection.id, actor="test", now=NOW)
    for _ in range(2):
        event = OutgoingEvent(EventType.RECONCILIATION_FINISHED, {"id": asked})
        operations.complete(asked, {"findings": []}, now=NOW, event=event)
    assert events(database) == [("reconciliation.finished", {"id": asked})]


def test_erasing_a_connection_removes_its_events(
    database: Database, connection: Connection, connections: Connections, receivers: Receivers
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="fjord"), actor="test", now=NOW)
    receiver = add_receiver(receivers, connections=[connection.id, other.id])
    for each in (connection, other):
        completed_job(database, each.id, outcome=Outcome.SYNCED)
    connections.pause(connection.id, msg("The connection is being erased."), actor="test", now=NOW)
    erasure.erase_connection(database, connection.id, actor="test", now=NOW)
    assert event_types(database) == events_of(database, receiver) == [DONE]
    assert receivers.get(receiver.id).scope == Scope(frozenset({other.id}))
