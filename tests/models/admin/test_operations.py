from contextlib import suppress
from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID

import pytest
from cryptography.fernet import InvalidToken
from sqlalchemy import text

from models.admin import audit_log
from models.admin.operations import (
    MAX_DISPATCHED,
    MAX_LOGINS,
    MAX_PENDING,
    OPERATION_TIMEOUT,
    RECONCILIATIONS,
    OperationPendingError,
    OperationRunningError,
    Operations,
    OperationType,
    TooManyOperationsError,
)
from models.connections.repository import Connection, Connections
from models.connections.vault import Vault
from models.database import Database
from models.enums import Scope
from tests.factories import NOW, settings

TYPED = {"username": "demo@example.com", "password": "typed-password"}


@pytest.fixture
def operations(database: Database, vault: Vault) -> Operations:
    return Operations(database, vault)


def rows(database: Database) -> str:
    with database.transaction() as session:
        return str(session.execute(text("select * from operations")).all())


def test_input_is_kept_until_there_is_a_result_and_then_without_its_secrets(
    database: Database, operations: Operations, connection: Connection
) -> None:
    number = operations.request(OperationType.CLIENTS, connection.id, input_=TYPED, actor="kari", now=NOW)
    asked = operations.get(number)
    assert asked
    assert (asked.input, asked.result, asked.actor) == (TYPED, None, "kari")
    assert "typed-password" not in rows(database) + repr(asked)
    operations.complete(number, {"clients": []}, now=NOW)
    answered = operations.get(number)
    assert answered
    assert answered.input == {"username": "demo@example.com"}
    assert answered.result == {"clients": [], "input": {"username": "demo@example.com"}}


@pytest.mark.parametrize(
    "moved",
    [
        "update operations set secrets = (select min(secrets) from operations)",
        "update operations set connection_id = (select max(id) from connections)",
        "update operations set secrets = (select secrets from connections where id = operations.id)",
    ],
)
def test_input_moved_to_another_row_is_refused(
    database: Database, connections: Connections, operations: Operations, moved: str
) -> None:
    one, _ = connections.add("Demo AS", settings(), actor="test", now=NOW)
    first = operations.request(OperationType.CLIENTS, one.id, input_=TYPED, actor="kari", now=NOW)
    other, _ = connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    second = operations.request(OperationType.CLIENTS, other.id, input_=TYPED, actor="ola", now=NOW)
    with database.transaction() as session:
        session.execute(text(moved))
    opened = []
    for number in (first, second):
        with suppress(InvalidToken):
            opened.append(operations.get(number))
    assert len(opened) < 2


def test_an_operation_is_completed_once(operations: Operations, connection: Connection) -> None:
    number = operations.request(OperationType.DIAGNOSTICS, connection.id, actor="kari", now=NOW)
    assert operations.pending(since=NOW) == [number]
    for name in ("first", "second"):
        operations.complete(number, {"name": name}, now=NOW)
    operation = operations.get(number)
    assert operation
    assert operation.result == {"name": "first", "input": {}}
    assert operations.pending(since=NOW) == []


def ask(
    operations: Operations,
    connection: Connection,
    *,
    type_: OperationType = OperationType.DIAGNOSTICS,
    actor: str = "kari",
    input_: dict[str, str] | None = None,
    now: datetime = NOW,
) -> int:
    return operations.request(type_, connection.id, input_=input_, actor=actor, now=now)


def test_a_repeated_request_waits_once_beside_the_running_operation(
    operations: Operations, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Other AS", settings(moment_company="1002"), actor="test", now=NOW)
    first = ask(operations, connection)
    assert {ask(operations, connection, actor=f"person {number}") for number in range(120)} == {first}
    assert acquire(operations, first)
    second = ask(operations, connection)
    assert {ask(operations, connection) for _ in range(120)} == {second} != {first}
    assert ask(operations, other) not in {first, second}
    assert len(operations.pending(since=NOW)) == 3


def test_a_request_with_other_input_replaces_only_the_actors_own(
    operations: Operations, connection: Connection
) -> None:
    clients = OperationType.CLIENTS
    first = ask(operations, connection, type_=clients, input_={"username": "wrong"})
    assert ask(operations, connection, type_=clients, input_={"username": "right"}) == first
    replaced = operations.get(first)
    assert replaced
    assert replaced.input == {"username": "right"}
    with pytest.raises(OperationPendingError):
        ask(operations, connection, type_=clients, input_={"username": "other"}, actor="ola")
    an_hour_later = NOW + OPERATION_TIMEOUT + timedelta(seconds=1)
    assert ask(operations, connection, type_=clients, actor="ola", now=an_hour_later) != first


def test_settings_to_be_saved_replace_no_others(operations: Operations, connection: Connection) -> None:
    saving = OperationType.SAVING
    first, second = (ask(operations, connection, type_=saving, input_={"client_id": each}) for each in "12")
    assert (first != second, ask(operations, connection, type_=saving, input_={"client_id": "1"})) == (True, first)


def test_entered_logins_are_limited_per_hour(operations: Operations, connection: Connection) -> None:
    clients, saving = OperationType.CLIENTS, OperationType.SAVING
    for number, type_ in zip(range(MAX_LOGINS), cycle([clients, saving]), strict=False):
        operations.complete(
            ask(operations, connection, type_=type_, input_={"password": str(number)}), {}, now=NOW
        )
    for type_ in (clients, saving):
        with pytest.raises(TooManyOperationsError):
            ask(operations, connection, type_=type_, input_={"password": "once more"})
    assert ask(operations, connection)
    later = NOW + OPERATION_TIMEOUT + timedelta(seconds=1)
    assert ask(operations, connection, type_=saving, input_={"password": "once more"}, now=later)


def test_a_moment_key_counts_as_an_entered_login(operations: Operations, connection: Connection) -> None:
    saving = OperationType.SAVING
    for number in range(MAX_LOGINS):
        asked = ask(operations, connection, type_=saving, input_={"moment_api_key": str(number)})
        operations.complete(asked, {}, now=NOW)
    with pytest.raises(TooManyOperationsError):
        ask(operations, connection, type_=saving, input_={"moment_api_key": "once more"})
    with pytest.raises(TooManyOperationsError):
        operations.record_login(connection.id, {"password": "once more"}, actor="kari", now=NOW)


def test_a_login_whose_saving_is_cancelled_counts(operations: Operations, connection: Connection) -> None:
    for number in range(MAX_LOGINS):
        asked = ask(operations, connection, type_=OperationType.SAVING, input_={"password": str(number)})
        operations.cancel(asked, actor="kari", now=NOW)
    with pytest.raises(TooManyOperationsError):
        ask(operations, connection, type_=OperationType.CLIENTS, input_=TYPED)


def test_a_pending_login_does_not_reveal_that_another_users_is_the_same(
    operations: Operations, connection: Connection
) -> None:
    def by_program(actor: str, password: str) -> int:
        typed = TYPED | {"password": password}
        return operations.request(
            OperationType.CLIENTS, connection.id, input_=typed, actor=actor, now=NOW, by_program=True
        )

    first = by_program("kari", "right")
    assert (by_program("kari", "right"), by_program("ola", "right") != first) == (first, True)
    for number in range(MAX_LOGINS - 2):
        by_program("ola", str(number))
    for guess in ("wrong", "right"):
        with pytest.raises(TooManyOperationsError):
            by_program("per", guess)
    with pytest.raises(OperationPendingError):
        ask(operations, connection, type_=OperationType.CLIENTS, input_=TYPED | {"password": "right"}, actor="per")


def test_the_number_of_pending_operations_of_a_connection_is_limited(
    operations: Operations, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Other AS", settings(moment_company="1002"), actor="test", now=NOW)

    def in_turn() -> set[int]:
        return set(operations.next_in_turn(operations.pending(since=NOW), since=NOW))

    saving = OperationType.SAVING
    asked = [ask(operations, connection, type_=saving, input_={"client_id": str(n)}) for n in range(MAX_PENDING)]
    with pytest.raises(TooManyOperationsError):
        ask(operations, connection, type_=saving, input_={"client_id": "one more"})
    test, elsewhere = ask(operations, connection), ask(operations, other)
    assert in_turn() == {*asked[:MAX_DISPATCHED], elsewhere}
    operations.complete(asked[0], {}, now=NOW)
    assert in_turn() == {*asked[1 : MAX_DISPATCHED + 1], elsewhere}
    for each in asked[1:]:
        operations.complete(each, {}, now=NOW)
    assert in_turn() == {test, elsewhere}


def period(first: int, entity_types: str = "") -> dict[str, str]:
    return {"first": f"2026-01-{first:02}", "last": "2026-01-31", "entity_types": entity_types}


@pytest.mark.parametrize(
    ("type_", "asked", "action"),
    [
        (
            OperationType.BACKFILL,
            period(1, "customer,invoice"),
            "Started a backfill from 01.01.2026 to 31.01.2026: customers, invoices",
        ),
        (OperationType.BACKFILL, period(1), "Started a backfill from 01.01.2026 to 31.01.2026: all types"),
        (OperationType.BACKFILL_PREVIEW, period(1), None),
        (OperationType.INITIAL_MATCHING, {"dry_run": "", "create": ""}, "Started an initial matching"),
        (
            OperationType.INITIAL_MATCHING,
            {"dry_run": "", "create": "yes"},
            "Started an initial matching that also syncs new records",
        ),
        (OperationType.INITIAL_MATCHING, {"dry_run": "yes", "create": "yes"}, None),
        (OperationType.RECONCILIATION, {"first": "2026-01-01", "last": "2026-01-31"}, None),
        (OperationType.DIAGNOSTICS, {}, None),
    ],
)
def test_the_audit_log_says_once_who_started_a_writing_operation(
    database: Database,
    operations: Operations,
    connection: Connection,
    type_: OperationType,
    asked: dict[str, str],
    action: str | None,
) -> None:
    for actor in ("kari", "ola"):
        operations.request(type_, connection.id, input_=asked, actor=actor, now=NOW)
    entries = audit_log.page(database, Scope(frozenset({connection.id}))).lines
    assert [(each.actor, each.action) for each in entries if each.action.startswith("Started")] == (
        [("kari", action)] if action else []
    )


def test_backfills_that_take_days_delay_nothing_else(operations: Operations, connection: Connection) -> None:
    backfills = [
        operations.request(
            OperationType.BACKFILL, connection.id, input_=period(each), actor="kari", now=NOW, by_program=True
        )
        for each in (1, 2, 3)
    ]
    test = ask(operations, connection)
    turn = operations.next_in_turn([*backfills, test], since=NOW)
    assert [*turn] == [*backfills[:MAX_DISPATCHED], test]


def test_the_monthly_reconciliation_cannot_be_cancelled(operations: Operations, connection: Connection) -> None:
    monthly = OperationType.MONTHLY_RECONCILIATION
    number = operations.request_once(monthly, connection.id, input_={}, since=NOW, now=NOW)
    assert number
    with pytest.raises(OperationRunningError):
        operations.cancel(number, actor="kari", now=NOW)


def test_settings_saved_without_a_password_try_no_login(operations: Operations, connection: Connection) -> None:
    typed = {"username": "demo@example.com", "password": ""}
    for number in range(MAX_LOGINS + 1):
        asked = ask(operations, connection, type_=OperationType.SAVING, input_=typed | {"field": str(number)})
        operations.complete(asked, {}, now=NOW)
    assert ask(operations, connection, type_=OperationType.CLIENTS, input_=TYPED)


def test_a_login_that_replaces_input_without_one_counts_as_tried(
    operations: Operations, connection: Connection
) -> None:
    saving = OperationType.SAVING
    for number in range(MAX_LOGINS):
        operations.complete(
            ask(operations, connection, type_=saving, input_={"password": str(number)}), {}, now=NOW
        )
    ask(operations, connection, type_=saving, input_={"password": ""})
    with pytest.raises(TooManyOperationsError):
        ask(operations, connection, type_=saving, input_={"password": "once more"})


@pytest.mark.parametrize("type_", [OperationType.CLIENTS, OperationType.SAVING])
def test_an_entered_login_without_a_result_is_deleted(
    database: Database, operations: Operations, connection: Connection, type_: OperationType
) -> None:
    old = ask(operations, connection, type_=type_, input_=TYPED)
    operations.delete_old_logins(before=NOW)
    assert (kept := operations.get(old))
    assert kept.input == TYPED
    operations.delete_old_logins(before=NOW + timedelta(seconds=1))
    assert (kept := operations.get(old))
    assert kept.input == {}
    assert "gAAAA" not in rows(database)


@pytest.mark.parametrize("type_", RECONCILIATIONS)
def test_a_reconciliation_that_waits_long_keeps_its_period(
    operations: Operations, connection: Connection, type_: OperationType
) -> None:
    days = {"first": "2026-02-01", "last": "2026-02-28"}
    number = ask(operations, connection, type_=type_, input_=days)
    operations.delete_old_logins(before=NOW + timedelta(days=1))
    assert (waiting := operations.get(number))
    assert waiting.input == days


def test_the_last_operation_of_a_type_is_found(operations: Operations, connection: Connection) -> None:
    assert operations.latest(connection.id, OperationType.DIAGNOSTICS) is None
    first = ask(operations, connection)
    operations.complete(first, {}, now=NOW)
    second = ask(operations, connection)
    operations.request(OperationType.CLIENTS, connection.id, input_=TYPED, actor="kari", now=NOW)
    latest = operations.latest(connection.id, OperationType.DIAGNOSTICS)
    assert latest
    assert (first < second, latest.id) == (True, second)


def test_old_operations_are_neither_run_nor_kept(operations: Operations, connection: Connection) -> None:
    number = operations.request(OperationType.DIAGNOSTICS, connection.id, actor="kari", now=NOW)
    assert operations.pending(since=NOW + timedelta(seconds=1)) == []
    operations.delete_old(before=NOW, reconciliations_before=NOW)
    assert operations.get(number)
    operations.delete_old(before=NOW + timedelta(seconds=1), reconciliations_before=NOW)
    assert operations.get(number) is None
    operations.complete(number, {}, now=NOW)


def test_a_reconciliation_with_a_report_is_kept_longer(operations: Operations, connection: Connection) -> None:
    kinds = (OperationType.RECONCILIATION, OperationType.MONTHLY_RECONCILIATION, OperationType.DIAGNOSTICS)
    made, failed = {}, {}
    for kind in kinds:
        made[kind] = operations.request(kind, connection.id, actor="kari", now=NOW)
        operations.complete(made[kind], {"findings": [], "report": {}}, now=NOW)
        failed[kind] = operations.request(kind, connection.id, actor="kari", now=NOW)
        operations.complete(failed[kind], {"findings": []}, now=NOW)
    later = NOW + timedelta(seconds=1)
    operations.delete_old(before=later, reconciliations_before=NOW)
    assert [bool(operations.get(each)) for each in made.values()] == [True, True, False]
    assert not any(map(operations.get, failed.values()))
    operations.delete_old(before=later, reconciliations_before=later)
    assert not any(map(operations.get, made.values()))


def acquire(operations: Operations, number: int, *, now: datetime = NOW) -> UUID | None:
    leased = operations.acquire(number, now=now, until=now + timedelta(seconds=90))
    return leased[1] if leased else None


def test_a_running_operation_is_leased_to_no_other_worker_until_its_lease_expires(
    operations: Operations, connection: Connection
) -> None:
    number = operations.request(OperationType.DIAGNOSTICS, connection.id, actor="kari", now=NOW)
    first, later = acquire(operations, number), NOW + timedelta(seconds=91)
    assert first
    assert acquire(operations, number, now=NOW + timedelta(seconds=89)) is None
    second = acquire(operations, number, now=later)
    assert second
    assert not operations.renew(number, first, until=later + timedelta(hours=1))
    assert operations.renew(number, second, until=later + timedelta(hours=1))
    assert acquire(operations, number, now=later + timedelta(minutes=59)) is None
    operations.release(number, first)
    assert acquire(operations, number, now=later) is None
    operations.complete(number, {}, now=later)
    assert acquire(operations, number, now=later) is None


def test_one_reconciliation_runs_at_a_time_on_each_connection(
    operations: Operations, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Other AS", settings(moment_company="1002"), actor="test", now=NOW)
    first, second, elsewhere, test = (
        operations.request(type_, connection_id, actor="kari", now=NOW)
        for type_, connection_id in (
            (OperationType.MONTHLY_RECONCILIATION, connection.id),
            (OperationType.RECONCILIATION, connection.id),
            (OperationType.RECONCILIATION, other.id),
            (OperationType.DIAGNOSTICS, connection.id),
        )
    )
    assert acquire(operations, first)
    assert [acquire(operations, each) is None for each in (second, elsewhere, test)] == [True, False, False]
    operations.complete(first, {}, now=NOW)
    assert acquire(operations, second)
