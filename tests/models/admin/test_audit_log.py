from models.admin import audit_log
from models.connections.repository import Connection
from models.database import Database
from models.enums import Scope
from models.pagination import SIZE
from models.schema.tables import AuditRow
from tests.factories import NOW


def note(database: Database, what: str, connection: Connection | None = None) -> None:
    with database.transaction() as session:
        session.add(AuditRow(connection_id=connection and connection.id, at=NOW, actor="kari", action=what))


def told(database: Database, scope: Scope, *, users: bool = False) -> list[str]:
    return [line.action for line in audit_log.page(database, scope, users=users).lines]


def test_what_was_done_to_users_is_shown_to_those_who_manage_them(
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
    first = audit_log.page(database, Scope())
    second = audit_log.page(database, Scope(), key=first.older)
    assert [line.action for line in second.lines] == ["4", "3", "2", "1", "0", "added"]
    assert audit_log.page(database, Scope(), key=second.newer) == first
