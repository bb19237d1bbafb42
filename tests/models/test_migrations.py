"""Migrations of rows that earlier versions have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from i18n.messages import Message, as_json, joined
from models.database import Database, downgrade, migrate
from models.schema.tables import AlertRow, AttemptRow, AuditRow, ConnectionRow, OperationRow, SyncJobRow
from tests.factories import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.schema.tables import Base

RIVALS = "9b2f0a52-1f0e-5c55-8f6b-0c1e6c3f4711"
CHOICES = f'Rival "Nord" AS ({RIVALS}), Rival Sør AS ({RIVALS})'
SEVERAL = Message("The login reaches several clients of 24SevenOffice: {choices}.", {"choices": CHOICES})
WRONG = Message("The login does not reach the identity {identity}.", {"identity": RIVALS})
REACHES = Message("It reaches {choices}.", {"choices": CHOICES})
PLAIN = f"The login reaches several clients of 24SevenOffice: {CHOICES}."
TABLES = ("alerts", "attempts", "audit", "changes", "connections", "errands")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database as the version before left it."""
    downgrade(SecretStr(database_url), to="0014")
    database = Database(SecretStr(database_url), pool_size=1)
    yield database
    database.close()
    migrate(SecretStr(database_url))


def test_what_earlier_versions_told_of_the_clients_of_a_login_is_taken_out(
    database: Database, database_url: str
) -> None:
    write(database, *rows())
    migrate(SecretStr(database_url))
    left = dump(database)
    assert [told for told in (RIVALS, "Rival") if told in left] == []
    assert "Own AS" in left  # the clients that a test has found are kept for administrators of all connections
    with database.transaction() as session:
        noted = [str(each) for each in session.scalars(select(AuditRow.action).order_by(AuditRow.id))]
    assert noted == [
        "paused: The login reaches several clients of 24SevenOffice: ….",
        "Identity id: changed",
        "Identity id: changed",
        "Client id: 1 → 2",
    ]
    downgrade(SecretStr(database_url), to="0014")
    assert dump(database) == left


def rows() -> Iterator[Base]:
    """Give what an earlier version wrote, each row behind those that it refers to."""
    connection = {"settings": {}, "secrets": "", "created_at": NOW, "updated_at": NOW}
    yield ConnectionRow(id=1, name="Demo AS", token_hash="hash", paused_because=SEVERAL, **connection)
    change = {"kind": "customer", "record_id": "1", "state": "attention", "due_at": NOW, "received_at": NOW}
    yield SyncJobRow(id=1, connection_id=1, message=WRONG, remedy=REACHES, **change)
    attempt = {"at": NOW, "seconds": 1, "outcome": "attention", "reason": "identity"}
    yield AttemptRow(job_id=1, message=PLAIN, **attempt)
    arrow, setting = "{setting}: {old} → {new}", Message("Identity id", {})
    for what in (
        Message("paused: {because}", {"because": SEVERAL}),
        Message(arrow, {"setting": setting, "old": Message("nothing", {}), "new": RIVALS}),
        f"Identity id: {RIVALS} → nothing",
        Message(arrow, {"setting": Message("Client id", {}), "old": "1", "new": "2"}),
    ):
        yield AuditRow(connection_id=1, at=NOW, actor="bridge", action=what)
    alert = {"address": "a@example.com", "turn": "down", "title": "Demo AS", "created_at": NOW}
    yield AlertRow(connection_id=1, message=SEVERAL, remedy=joined(REACHES, "Choose."), **alert)
    findings = [{"what": as_json(WRONG), "remedy": as_json(REACHES)}]
    answer = {"findings": findings, "clients": [{"id": "own", "name": "Own AS"}]}
    yield OperationRow(connection_id=1, type="examination", actor="test", requested_at=NOW, result=answer)


def write(database: Database, *rows: Base) -> None:
    with database.transaction() as session:
        for row in rows:
            session.add(row)
            session.flush()


def dump(database: Database) -> str:
    with database.transaction() as session:
        found = [
            session.scalars(text(f"select to_jsonb(each)::text from {table} as each order by 1")).all()  # noqa: S608 - ours
            for table in TABLES
        ]
    return "\n".join(row for each in found for row in each)
