import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from models import retention
from models.admin import audit_log
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import Scope
from models.pagination import PAGE_SIZE
from models.schema.audit_entries import add_entry, allow_deletion, allow_erasure, allow_redaction
from tests.factories import NOW, settings


def note(database: Database, what: str, connection: Connection | None = None) -> None:
    with database.transaction() as session:
        number = connection.id if connection else None
        add_entry(session, connection_id=number, at=NOW, actor="kari", action=what)


def list_actions(database: Database, scope: Scope, *, users: bool = False) -> list[str]:
    return [line.action for line in audit_log.page(database, scope, users=users).lines]


def run(database: Database, statement: str, *, allow: Callable[[Session], None] = lambda _: None) -> None:
    with database.transaction() as session:
        allow(session)
        session.execute(text(statement))


def expect_refusal(
    database: Database, statement: str, *, allow: Callable[[Session], None] = lambda _: None
) -> None:
    with pytest.raises(ProgrammingError, match=r"The audit log only grows\."):
        run(database, statement, allow=allow)


def test_entries_about_users_are_shown_only_to_those_who_manage_users(
    database: Database, connection: Connection
) -> None:
    note(database, "paused", connection)
    note(database, "ola@example.com: added")
    assert list_actions(database, Scope(), users=True) == [
        "ola@example.com: added",
        "paused",
        "Added the connection",
    ]
    assert (
        list_actions(database, Scope())
        == list_actions(database, Scope(frozenset({connection.id})))
        == ["paused", "Added the connection"]
    )
    assert list_actions(database, Scope(frozenset({connection.id + 1}))) == []


def test_the_audit_log_is_paged_both_ways(database: Database, connection: Connection) -> None:
    for n in range(PAGE_SIZE + 5):
        note(database, str(n), connection)
    first = audit_log.page(database, Scope())
    second = audit_log.page(database, Scope(), key=first.older)
    assert [line.action for line in second.lines] == ["4", "3", "2", "1", "0", "Added the connection"]
    assert audit_log.page(database, Scope(), key=second.newer) == first


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_log set actor = '\"ola\"'",
        "delete from audit_log",
        "truncate audit_log",
        "delete from connections",
    ],
)
def test_audit_log_entries_are_neither_changed_nor_deleted(
    database: Database, connection: Connection, statement: str
) -> None:
    expect_refusal(database, statement)
    assert list_actions(database, Scope(frozenset({connection.id}))) == ["Added the connection"]


def test_retention_deletes_only_entries_that_are_old_enough(database: Database, connection: Connection) -> None:
    expect_refusal(database, "delete from audit_log", allow=partial(allow_deletion, before=NOW))
    expect_refusal(database, "truncate audit_log", allow=partial(allow_deletion, before=NOW + timedelta(days=1)))
    run(database, "delete from audit_log", allow=partial(allow_deletion, before=NOW + timedelta(microseconds=1)))
    assert list_actions(database, Scope(frozenset({connection.id}))) == []


def test_entries_of_the_last_month_stay_whatever_the_retention(database: Database) -> None:
    now = datetime.now(UTC)
    with database.transaction() as session:
        for days in (29, 31, 61):
            add_entry(session, at=now - timedelta(days=days), actor="kari", action=f"{days} days ago")
    never = partial(allow_deletion, before=now + timedelta(days=365_000))
    expect_refusal(database, "delete from audit_log", allow=never)
    run(database, "delete from audit_log where at < now() - interval '60 days'", allow=never)
    assert list_actions(database, Scope(), users=True) == ["31 days ago", "29 days ago"]
    assert retention.delete_audit_entries(database, before=now + timedelta(days=1)) == 1
    assert list_actions(database, Scope(), users=True) == ["29 days ago"]


def test_shadowing_now_deletes_no_entry(database: Database, connection: Connection) -> None:
    with database.transaction() as session:
        add_entry(session, connection_id=connection.id, at=datetime.now(UTC), actor="kari", action="paused")

    def shadow(session: Session) -> None:
        allow_deletion(session, before=NOW + timedelta(days=365_000))
        session.execute(
            text(
                "create function public.now() returns timestamptz language sql "
                "as $$select timestamptz 'infinity'$$"
            )
        )
        session.execute(text("set local search_path = public, pg_catalog"))

    expect_refusal(database, "delete from audit_log", allow=shadow)


def test_a_permission_lasts_for_one_transaction_only(database: Database, connection: Connection) -> None:
    with database.transaction() as session:
        allow_deletion(session, before=NOW + timedelta(days=1))
        allow_erasure(session, connection.id)
        allow_redaction(session)
    for statement in ("delete from audit_log", "update audit_log set actor = '\"ola\"'"):
        expect_refusal(database, statement)


def test_erasing_a_connection_keeps_the_entries_of_others(
    connections: Connections, database: Database, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(moment_company="2"), actor="test", now=NOW)
    expect_refusal(database, "delete from audit_log", allow=partial(allow_erasure, connection_id=other.id))
    erase = partial(allow_erasure, connection_id=other.id)
    run(database, "delete from connections where name = 'Fjord AS'", allow=erase)
    assert list_actions(database, Scope()) == ["Added the connection"]
    assert audit_log.page(database, Scope()).lines[0].connection_id == connection.id


def test_only_names_are_removed_from_an_entry(database: Database, connection: Connection) -> None:
    expect_refusal(database, "update audit_log set at = now()", allow=allow_redaction)
    expect_refusal(database, "update audit_log set connection_id = null", allow=allow_redaction)
    run(database, "update audit_log set actor = '\"…\"'", allow=allow_redaction)
    (line,) = audit_log.page(database, Scope(frozenset({connection.id}))).lines
    assert (line.at, line.actor) == (NOW, "…")


def test_an_entry_is_logged_once_it_is_committed(database: Database, connection: Connection) -> None:
    with capture_logs() as logs, database.transaction() as session:
        add_entry(session, connection_id=connection.id, at=NOW, actor="kari", action="paused")
        session.flush()
        assert logs == []
    number = audit_log.page(database, Scope()).lines[0].id
    assert logs == [
        {
            "event": "audit_entry",
            "log_level": "info",
            "entry": number,
            "actor": "kari",
            "action": "paused",
            "connection": connection.id,
            "job": None,
        }
    ]


def test_an_entry_that_is_rolled_back_is_not_logged(database: Database) -> None:
    def pause() -> None:
        with database.transaction() as session:
            add_entry(session, at=NOW, actor="kari", action="paused")
            session.flush()
            raise ZeroDivisionError

    with capture_logs() as logs, pytest.raises(ZeroDivisionError):
        pause()
    assert logs == []


def test_the_export_is_a_line_of_json_for_each_visible_entry(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "BATCH_SIZE", 2)
    note(database, "blåbær\n“paused”", connection)
    note(database, "ola@example.com: added")
    lines = list(audit_log.export(database, Scope(), users=True))
    assert all(line.endswith("}\n") and line.count("\n") == 1 for line in lines)
    entries = [json.loads(line) for line in lines]
    assert [entry["action"] for entry in entries] == [
        "Added the connection",
        "blåbær\n“paused”",
        "ola@example.com: added",
    ]
    assert entries[1] == {
        "id": entries[0]["id"] + 1,
        "at": "2026-03-02T09:00:00+00:00",
        "actor": "kari",
        "action": "blåbær\n“paused”",
        "connection_id": connection.id,
        "connection": connection.name,
        "job_id": None,
        "record": None,
    }
    assert list(audit_log.export(database, Scope(frozenset({connection.id})))) == lines[:2]
    assert list(audit_log.export(database, Scope(frozenset({connection.id + 1})))) == []
