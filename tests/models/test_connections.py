from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from models.connections import Connections, NameTaken, UnknownConnection, find_by_token
from models.vault import Vault
from tests.factories import NOW, settings

if TYPE_CHECKING:
    from models.base import Database
    from models.connections import Connection


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


def test_a_connection_is_read_as_it_was_added(connections: Connections, connection: Connection) -> None:
    assert connections.get(connection.id) == connection
    assert connections.named("Demo AS") == connection
    assert connections.all() == [connection]
    assert connection.settings == settings()


def test_secrets_stand_encrypted_in_the_database(database: Database, connections: Connections) -> None:
    connections.add("Demo AS", settings(), who="test", now=NOW)
    with database.transaction() as session:
        row = str(session.execute(text("select * from connections")).all())
    assert "moment-demo-key" not in row
    assert "demo-password" not in row


def test_a_newer_key_reads_what_an_older_one_wrote(database: Database) -> None:
    old, new = key(), key()
    connection, _ = Connections(database, Vault([old])).add("Demo AS", settings(), who="test", now=NOW)
    assert Connections(database, Vault([new, old])).get(connection.id) == connection
    with pytest.raises(InvalidToken):
        Connections(database, Vault([new])).get(connection.id)


def test_a_connection_is_found_by_its_token_only(database: Database, connections: Connections) -> None:
    connection, token = connections.add("Demo AS", settings(), who="test", now=NOW)
    assert find_by_token(database, token) == connection.id
    assert find_by_token(database, token[:-1]) is None


def test_a_new_token_ends_the_old_one(database: Database, connections: Connections) -> None:
    connection, old = connections.add("Demo AS", settings(), who="test", now=NOW)
    new = connections.new_token(connection.id, who="test", now=NOW)
    assert (find_by_token(database, old), find_by_token(database, new)) == (None, connection.id)


def test_a_name_is_given_once(connections: Connections, connection: Connection) -> None:
    with pytest.raises(NameTaken):
        connections.add(connection.name, settings(), who="test", now=NOW)


def test_changing_a_setting_leaves_the_others_and_ends_a_pause(
    connections: Connections, connection: Connection
) -> None:
    assert connections.pause(connection.id, "The password is wrong.", now=NOW)
    assert not connections.pause(connection.id, "The password is wrong.", now=NOW)
    changed = connections.change(connection.id, {"password": "better"}, who="test", now=NOW)
    assert changed.settings == settings(password=SecretStr("better"))
    assert changed.paused_because == ""


@pytest.mark.parametrize(
    "wrong",
    [{"posting": "maybe"}, {"error_emails": ["nobody"]}, {"receivables_account": 0}, {"no_such_setting": 1}],
)
def test_a_setting_that_does_not_fit_is_refused(
    connections: Connections, connection: Connection, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        connections.change(connection.id, wrong, who="test", now=NOW)
    assert connections.get(connection.id) == connection


def test_an_unknown_connection_says_so(connections: Connections) -> None:
    with pytest.raises(UnknownConnection):
        connections.get(4711)
    with pytest.raises(UnknownConnection):
        connections.named("Nobody AS")


def test_who_changed_what_is_kept_without_the_values(database: Database, connections: Connections) -> None:
    connection, _ = connections.add("Demo AS", settings(), who="kari", now=NOW)
    connections.change(connection.id, {"password": "better"}, who="ola", now=NOW)
    with database.transaction() as session:
        told = session.execute(text("select who, what from audit order by id")).all()
    assert [tuple(row) for row in told] == [("kari", "added"), ("ola", "changed password")]
