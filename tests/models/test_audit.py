from __future__ import annotations

from typing import TYPE_CHECKING

from models import audit
from models.paging import SIZE
from models.tables import AuditRow
from models.words import Scope
from tests.factories import NOW

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection


def note(database: Database, what: str, connection: Connection | None = None) -> None:
    with database.transaction() as session:
        session.add(AuditRow(connection_id=connection and connection.id, at=NOW, who="kari", what=what))


def told(database: Database, scope: Scope, *, users: bool = False) -> list[str]:
    return [line.what for line in audit.page(database, scope, users=users).lines]


def test_what_was_done_to_users_is_told_to_those_who_manage_them(
    database: Database, connection: Connection
) -> None:
    note(database, "paused", connection)
    note(database, "ola@example.com: added")
    assert told(database, Scope(), users=True) == ["ola@example.com: added", "paused", "added"]
    assert told(database, Scope()) == told(database, Scope(frozenset({connection.id}))) == ["paused", "added"]
    assert told(database, Scope(frozenset({connection.id + 1}))) == []


def test_the_audit_is_paged_both_ways(database: Database, connection: Connection) -> None:
    for n in range(SIZE + 5):
        note(database, str(n), connection)
    first = audit.page(database, Scope())
    second = audit.page(database, Scope(), key=first.older)
    assert [line.what for line in second.lines] == ["4", "3", "2", "1", "0", "added"]
    assert audit.page(database, Scope(), key=second.newer) == first
