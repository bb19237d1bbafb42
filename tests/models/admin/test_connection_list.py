"""The state of connections: one for each, and their problems."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from models.admin import connection_list
from models.admin.connection_list import ConnectionFilter, ConnectionState, ConnectionSummary, HealthProblem
from models.connections.alert_outbox import AlertType
from models.connections.repository import API_KEY_LIFETIME, Connection, Connections, FailedTestError, UnprovenError
from models.database import Database
from models.enums import EntityType, Lane, Record, Scope
from models.inbox import circuit_breaker, cursors, missed_webhooks, webhook_intake
from models.inbox.missed_webhooks import ModifiedRecord
from models.schema.tables import ConnectionRow
from tests.factories import NOW, settings
from tests.models import outages
from tests.models.completed_jobs import completed_job

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CUSTOMER = Record(EntityType.CUSTOMER, "7")

Problem = Callable[[Database, Connections, int], object]


def failed_test(_: Database, connections: Connections, number: int) -> None:
    connections.save_test_result(number, failed_checks=2, at=NOW)


def failing_polls(database: Database, _: Connections, number: int) -> None:
    lane = Lane(number, EntityType.CUSTOMER)
    cursors.start(database, lane, at=NOW)
    cursors.record_failure(database, lane, problem="", counts=True, now=NOW - 2 * HOUR)


def old_key(_: Database, connections: Connections, number: int) -> None:
    then = NOW - API_KEY_LIFETIME + timedelta(days=30)
    connections.update(number, {"moment_api_key": "another"}, actor="kari", now=then)


def missing_webhooks(database: Database, _: Connections, number: int) -> None:
    found = [ModifiedRecord(CUSTOMER.id, NOW - HOUR)]
    missed_webhooks.record(database, Lane(number, EntityType.CUSTOMER), found, now=NOW - HOUR)
    completed_job(database, number, CUSTOMER, at=NOW - HOUR)


def old_test(database: Database, _: Connections, __: int) -> None:
    with database.transaction() as session:
        session.execute(update(ConnectionRow).values(updated_at=NOW - 60 * DAY, tested_at=NOW - 31 * DAY))


def other_settings(_: Database, connections: Connections, number: int) -> None:
    connections.update(number, {"client_id": "7"}, actor="kari", now=NOW + HOUR)


PROBLEMS: dict[HealthProblem, tuple[Problem, ConnectionState]] = {
    HealthProblem.TEST_FAILED: (failed_test, ConnectionState.NEEDS_ATTENTION),
    HealthProblem.POLLS_FAILING: (failing_polls, ConnectionState.NEEDS_ATTENTION),
    HealthProblem.KEY_EXPIRES: (old_key, ConnectionState.NEEDS_ATTENTION),
    HealthProblem.WEBHOOKS_SILENT: (missing_webhooks, ConnectionState.WORKING),
    HealthProblem.SETTINGS_UNTESTED: (other_settings, ConnectionState.WORKING),
    HealthProblem.TEST_OUTDATED: (old_test, ConnectionState.WORKING),
}


@pytest.fixture
def tested(connections: Connections, connection: Connection) -> Connection:
    connections.save_test_result(connection.id, failed_checks=0, at=NOW)
    return connection


def only(database: Database) -> ConnectionSummary:
    (found,) = connection_list.summaries(database, Scope(), now=NOW)
    return found


def test_a_connection_that_was_tested_and_has_no_problem_is_working(
    database: Database, tested: Connection
) -> None:
    assert (only(database).id, only(database).state) == (tested.id, ConnectionState.WORKING)
    assert only(database).problems == []
    assert connection_list.problem_counts(database, Scope(), now=NOW) == {}


@pytest.mark.parametrize("problem", HealthProblem)
def test_each_problem_is_listed_counted_and_found_until_the_connection_is_paused(
    database: Database, connections: Connections, tested: Connection, problem: HealthProblem
) -> None:
    bring_about, state = PROBLEMS[problem]
    bring_about(database, connections, tested.id)
    seen = only(database)
    assert (seen.state, seen.problems) == (state, [problem])
    assert connection_list.problem_counts(database, Scope(), now=NOW) == {problem: 1}
    for wanted in (ConnectionFilter(problem=problem), ConnectionFilter(state=state)):
        assert connection_list.summaries(database, Scope(), now=NOW, connection_filter=wanted)
    others = (
        ConnectionFilter(state=ConnectionState.OUTAGE),
        *(ConnectionFilter(problem=each) for each in HealthProblem if each is not problem),
    )
    for wanted in others:
        assert not connection_list.summaries(database, Scope(), now=NOW, connection_filter=wanted)
    connections.pause(tested.id, "Year end.", actor="kari", now=NOW)
    assert (only(database).state, only(database).problems) == (ConnectionState.PAUSED, [])


def test_an_outage_takes_precedence_over_problems(
    database: Database, connections: Connections, tested: Connection
) -> None:
    connections.save_test_result(tested.id, failed_checks=1, at=NOW)
    outages.fail(database, tested.id, retry_after=HOUR, now=NOW)
    assert (only(database).state, only(database).outage_since) == (ConnectionState.OUTAGE, NOW)


def test_webhooks_are_not_missing_once_one_has_come(database: Database, tested: Connection) -> None:
    found = [ModifiedRecord(CUSTOMER.id, NOW - HOUR)]
    missed_webhooks.record(database, Lane(tested.id, EntityType.CUSTOMER), found, now=NOW - HOUR)
    completed_job(database, tested.id, CUSTOMER, at=NOW - HOUR)
    webhook_intake.record_activity(database, Lane(tested.id, EntityType.PROJECT), now=NOW)
    assert only(database).problems == [HealthProblem.WEBHOOKS_SILENT]
    webhook_intake.record_activity(database, Lane(tested.id, EntityType.CUSTOMER), now=NOW)
    assert only(database).problems == []


def test_an_older_test_that_ends_later_does_not_replace_a_newer_one(
    database: Database, connections: Connections, tested: Connection
) -> None:
    connections.save_test_result(tested.id, failed_checks=3, at=NOW - HOUR)
    assert only(database).problems == []


def test_working_credentials_clear_only_a_failure_of_credentials(
    database: Database, connections: Connections, tested: Connection
) -> None:
    connections.save_login_result(tested.id, works=False, at=NOW)
    connections.save_login_result(tested.id, works=False, at=NOW)
    assert only(database).problems == [HealthProblem.TEST_FAILED]
    connections.save_login_result(tested.id, works=True, at=NOW)
    assert only(database).problems == []
    connections.save_test_result(tested.id, failed_checks=1, at=NOW)
    for works in (True, False, True):
        connections.save_login_result(tested.id, works=works, at=NOW)
        assert only(database).problems == [HealthProblem.TEST_FAILED]
    connections.save_test_result(tested.id, failed_checks=0, at=NOW)
    connections.save_login_result(tested.id, works=False, at=NOW - HOUR)
    assert only(database).problems == []


def test_a_connection_whose_last_test_failed_is_started_only_if_forced(
    database: Database, connections: Connections
) -> None:
    new, _ = connections.add("Demo AS", settings(), actor="kari", now=NOW, started=False)
    connections.save_test_result(new.id, failed_checks=2, at=NOW)
    with pytest.raises(FailedTestError):
        connections.resume(new.id, actor="kari", now=NOW)
    assert only(database).state is ConnectionState.NOT_STARTED
    connections.resume(new.id, actor="kari", now=NOW, despite_failed_test=True)
    assert only(database).state is ConnectionState.NEEDS_ATTENTION


def test_a_self_paused_connection_resumes_except_for_settings_of_mails(
    database: Database, connections: Connections, tested: Connection
) -> None:
    circuit_breaker.pause(database, tested.id, outages.problem(AlertType.PAUSED), now=NOW)
    connections.update(tested.id, {"error_emails": ("kari@example.com",)}, actor="kari", now=NOW)
    assert only(database).state is ConnectionState.PAUSED
    connections.update(tested.id, {"password": SecretStr("corrected")}, actor="kari", now=NOW)
    assert only(database).state is ConnectionState.WORKING


@pytest.mark.parametrize("proof", ["a test", "a login"])
def test_a_self_paused_connection_resumes_if_forced_or_once_something_has_worked(
    database: Database, connections: Connections, tested: Connection, proof: str
) -> None:
    def note(*, works: bool, at: datetime) -> None:
        if proof == "a test":
            connections.save_test_result(tested.id, failed_checks=0 if works else 1, at=at)
        else:
            connections.save_login_result(tested.id, works=works, at=at)

    circuit_breaker.pause(database, tested.id, outages.problem(AlertType.PAUSED), now=NOW + HOUR)
    note(works=True, at=NOW)  # it began before the connection paused
    with pytest.raises(UnprovenError):
        connections.resume(tested.id, actor="kari", now=NOW)
    note(works=False, at=NOW + 2 * HOUR)
    with pytest.raises(FailedTestError):
        connections.resume(tested.id, actor="kari", now=NOW)
    note(works=True, at=NOW + 3 * HOUR)
    connections.resume(tested.id, actor="kari", now=NOW)
    circuit_breaker.pause(database, tested.id, outages.problem(AlertType.PAUSED), now=NOW + 4 * HOUR)
    connections.resume(tested.id, actor="kari", now=NOW, despite_failed_test=True)
    connections.pause(tested.id, "Year end.", actor="kari", now=NOW)
    connections.resume(tested.id, actor="kari", now=NOW)
    assert only(database).state is ConnectionState.WORKING
