import json
from datetime import timedelta
from typing import Any

import pytest

from models import uploaded_documents
from models.admin import job_list, reminders
from models.admin.job_filter import JobFilter
from models.admin.operations import OperationType
from models.admin.personal_data import NAMING_COLUMNS
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Lane, Outcome, Record, Role, Scope
from models.inbox import leases, webhook_intake
from models.inbox.enqueue import enqueue
from models.receivers import deliveries
from models.receivers.deliveries import DeliveryAttempt
from models.receivers.outbox import EVENT_TYPES
from models.schema.tables import Base
from models.users import repository as users
from models.users import sessions, throttle
from models.users.repository import Rights
from tests.factories import settings
from tests.installation import add_failed_job
from tests.models.completed_jobs import completed_job
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import invoke, run
from tests.worker.cli.database_dump import dump
from worker import tasks
from worker.container import Container, clock
from worker.handlers.diagnostics import check_login

API = "api/1.0/companies/1001"
KARI, MAIL = "Kåre Østby", "kare.ostby@example.com"
WRITTEN = ("østby", "ostby", "stby", "kåre", "kare.")
"""Parts of the name in any escaping, and of the address."""

OTHERS = {
    "accepted_discrepancies": "key fingerprint",
    "sync_jobs": "entity_type record_id state dependency_type dependency_id outcome error_code sent_as sent_vat party_number "
    "currency project_id",
    "connections": "token_hash secrets",
    "cursors": "entity_type",
    "restored_lanes": "entity_type",
    "operations": "type secrets",
    "event_receivers": "url secret former_secret disabled_because",
    "events": "type",
    "event_deliveries": "state problem",
    "files": "expense_id file_id",
    "missed_webhooks": "entity_type record_id",
    "lanes": "entity_type",
    "links": "entity_type moment_id remote_id fingerprint replaced_number",
    "former_links": "entity_type moment_id remote_id fingerprint moment_company",
    "nightly_polls": "entity_type",
    "vat_checks": "way vat_code status record_id",
    "webhook_activity": "entity_type",
    "match_questions": "answer",
    "devices": "token_hash",
    "api_tokens": "token_hash scopes",
    "idempotency_keys": "key fingerprint response",
    "recovery_codes": "code_hash",
    "password_links": "token_hash",
    "sessions": "token_hash device",
    "statistics": "granularity",
    "alerts": "type error_code status message_id",
    "attempts": "outcome error_code",
    "failed_sign_ins": "address",
    "users": "role language password_hash factor_secret subject",
}
"""Text columns that name no person: enum values, ids, hashes, and encrypted values."""


def moment(fresh_systems: Systems, method: str, path: str, body: object) -> Any:
    return fresh_systems.control("moment", method, f"{API}/{path}", body)


@pytest.fixture
def customer(container: Container, connection: Connection, fresh_systems: Systems) -> str:
    """A person who is named wherever one can be, as the customer with this id and as a user."""
    database, now = container.database, clock()
    person = moment(fresh_systems, "POST", "customers", {"name": KARI, "email": MAIL, "customerType": "person"})
    project = moment(fresh_systems, "POST", "projects", {"name": "Hytte", "customerId": person["id"]})
    customer, project = (
        Record(EntityType.CUSTOMER, str(person["id"])),
        Record(EntityType.PROJECT, str(project["id"])),
    )
    enqueue(database, connection.id, [customer, project], now=now)
    tasks.sync_customers(connection.id)
    tasks.sync_projects(connection.id)
    add_failed_job(container, connection, title=f"Invoice of {KARI.upper()}")
    completed_job(database, connection.id, Record(EntityType.INVOICE, "77"), warnings=(f"{KARI} is cut.",))
    reminders.queue_reminders(database, now=now)
    rights = Rights(Role.ADMINISTRATOR, Scope())
    for email in ("boss@example.com", MAIL):
        users.add(database, email, rights, password=None, actor="test", now=now)
    throttle.record_attempt(database, throttle.caller(MAIL, "192.0.2.1"), now=now)
    uploaded_documents.save(database, connection.id, "7", document_id="1", name=f"{KARI}.pdf", now=now)
    errand = container.operations.request(
        OperationType.CLIENTS, connection.id, input_={"username": MAIL}, actor=MAIL, now=now
    )
    container.operations.complete(errand, {"clients": [{"id": "1", "name": f"{KARI} & sønn"}]}, now=now)
    answered(container, f"{KARI} has been told.")
    container.connections.pause(connection.id, f"{KARI} is away.", actor=MAIL, now=now)
    container.connections.resume(connection.id, actor=MAIL, now=now)
    container.connections.pause(connection.id, f"{KARI} is away.", actor=MAIL, now=now)
    return customer.id


def answered(container: Container, answer: str) -> None:
    """Make an event receiver respond like this."""
    database, now = container.database, clock()
    receiver, _ = container.receivers.add("https://crm.example", EVENT_TYPES, Scope(), actor="test", now=now)
    container.receivers.test(receiver.id, now=now)
    lease = deliveries.acquire(database, receiver.id, now=now, until=now)
    assert lease
    (due,) = deliveries.due(database, lease, now=now, limit=1)
    deliveries.complete(
        database, lease, due.id, DeliveryAttempt(http_status=200, response=answer), now=now, jitter=0
    )


@pytest.mark.usefixtures("customer")
def test_the_data_stored_about_a_person_is_shown(container: Container) -> None:
    told = json.loads(run("people", "show", "kåre  østby", MAIL))
    assert {(each["table"], each["column"]) for each in told} >= {
        ("alerts", "title"),
        ("attempts", "calls"),
        ("attempts", "warnings"),
        ("sync_jobs", "warnings"),
        ("audit_log", "action"),
        ("sync_jobs", "title"),
        ("sync_jobs", "search_terms"),
        ("sync_jobs", "record_name"),
        ("sync_jobs", "party"),
        ("connections", "paused_because"),
        ("operations", "result"),
        ("event_deliveries", "answer"),
        ("files", "name"),
        ("failed_sign_ins", "email"),
        ("users", "email"),
    }
    assert KARI in dump(container)


def test_a_person_who_was_erased_is_named_nowhere(
    container: Container, connection: Connection, customer: str, fresh_systems: Systems
) -> None:
    names = (KARI, MAIL)
    before = {view.record: (view.state, view.outcome) for view in job_list.latest(container.database, JobFilter())}
    assert "sync_jobs.title" in run("people", "erase", "--dry-run", *names)
    assert KARI in dump(container)
    run("people", "erase", *names, typed="y\n")
    left = dump(container).casefold()
    assert [word for word in WRITTEN if word in left] == []
    assert run("people", "show", *names) == "[]\n"
    after = {view.record: (view.state, view.outcome) for view in job_list.latest(container.database, JobFilter())}
    assert after == before

    container.connections.resume(connection.id, actor="test", now=clock())
    moment(fresh_systems, "PATCH", f"customers/{customer}", {"name": "Kunde 7", "email": ""})
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, customer)], now=clock())
    tasks.sync_customers(connection.id)
    job_filter = JobFilter(connection_id=connection.id, entity_type=EntityType.CUSTOMER)
    (view,) = job_list.latest(container.database, job_filter)
    assert (view.state, view.outcome, str(view.title)) == (JobState.DONE, Outcome.SYNCED, "Customer Kunde 7")


def test_alert_recipients_must_be_corrected_by_hand(container: Container, connection: Connection) -> None:
    output = run("people", "erase", "books@example.com", "--yes")
    assert f"Correct manually (see connections set): settings of connection {connection.id}." in output
    assert container.connections.get(connection.id).settings == connection.settings


def test_the_last_administrator_cannot_be_erased(container: Container) -> None:
    users.add(container.database, MAIL, Rights(Role.ADMINISTRATOR, Scope()), password=None, actor="x", now=clock())
    result = invoke("people", "erase", MAIL, "--yes")
    assert result.exit_code == 2
    assert users.get_by_email(container.database, MAIL)


def test_a_name_so_short_that_it_is_part_of_others_is_refused(container: Container) -> None:
    assert invoke("people", "show", "Bo").exit_code == 2
    assert dump(container) == ""


def test_every_column_of_text_says_whether_it_may_name_a_person() -> None:
    named = {f"{table}.{column}" for table, columns in OTHERS.items() for column in columns.split()}
    plain = {
        str(column)
        for table in Base.metadata.sorted_tables
        for column in table.c
        if type(column.type).__name__ == "Text"
    }
    assert plain == named | NAMING_COLUMNS


def test_an_erased_connection_leaves_nothing_behind(container: Container, fresh_systems: Systems) -> None:
    now, database = clock(), container.database
    stays, token = container.connections.add(
        "Fjord AS", settings(moment_company="fjord-as"), actor="test", now=now
    )
    remaining = dump(container).splitlines()
    known = settings(identity_id=check_login(container, settings()).id, entity_types=tuple(EntityType))
    leaves, leaving_token = container.connections.add("Elv AS", known, actor="test", now=now)
    only = Rights(Role.VIEWER, Scope(frozenset({leaves.id})))
    user = users.add(database, MAIL, only, password=None, actor="test", now=now)
    sessions.start(database, user.id, now=now)
    person = moment(fresh_systems, "POST", "customers", {"name": KARI})
    enqueue(database, leaves.id, [Record(EntityType.CUSTOMER, str(person["id"]))], now=now)
    tasks.sync_customers(leaves.id)
    add_failed_job(container, leaves)
    assert container.redis.keys(f"*:{leaves.id}")
    assert container.redis.keys("twentyfour:session:*")
    refused = invoke("connections", "erase", "Elv AS", typed="Fjord AS\n")
    assert "Nothing was erased." in refused.output
    assert "Elv AS" in dump(container)

    output = run("connections", "erase", "Elv AS", typed="Elv AS\n")
    assert f"These users no longer have any connection: {MAIL}." in output
    assert webhook_intake.find_target(database, leaving_token) is None
    assert webhook_intake.find_target(database, token)
    tables = [table for table in Base.metadata.sorted_tables if "connection_id" in table.c]
    with database.transaction() as session:
        ids = {row.connection_id for table in tables for row in session.execute(table.select())}
    assert ids <= {stays.id, None}
    left = dump(container)
    assert "Elv AS" not in left
    assert set(remaining) <= set(left.splitlines())
    assert container.redis.keys(f"*:{leaves.id}") == container.redis.keys(f"dispatched:{leaves.id}:*") == []
    assert container.redis.keys("twentyfour:session:*") == []


def test_the_session_of_an_automatically_found_client_is_erased_too(
    container: Container, connection: Connection
) -> None:
    container.cached_erp(connection).client_name()
    assert container.redis.keys("twentyfour:session:*")
    run("connections", "erase", "Demo AS", typed="Demo AS\n")
    assert container.redis.keys("twentyfour:session:*") == []


def test_nothing_is_erased_while_a_worker_processes_a_job(container: Container, connection: Connection) -> None:
    now = clock()
    enqueue(container.database, connection.id, [Record(EntityType.CUSTOMER, "7")], now=now)
    lane = Lane(connection.id, EntityType.CUSTOMER)
    assert leases.acquire(container.database, lane, limit=1, now=now, until=now + timedelta(hours=1))
    result = invoke("connections", "erase", connection.name, typed=f"{connection.name}\n")
    assert "A worker is processing some of its records." in result.output
    assert job_list.latest(container.database, JobFilter())
    assert container.connections.get(connection.id).paused_because
