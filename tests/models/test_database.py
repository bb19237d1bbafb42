"""Connections that break while idle, or whose other end has gone."""

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from models import database as models_database
from models.database import Database, DatabaseUnavailableError
from tests.databases import Databases

OTHERS = text(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


@pytest.fixture
def own(database_url: str) -> Iterator[Database]:
    database = Database(SecretStr(database_url))
    with database.statement() as connection:
        connection.execute(text("select 1"))
    yield database
    database.close()


def test_a_connection_that_broke_while_idle_is_replaced(own: Database, database_url: str) -> None:
    break_connections(database_url)
    with own.statement() as connection:
        assert connection.scalar(text("select 1")) == 1


def test_a_connection_that_is_left_in_a_transaction_is_replaced(own: Database) -> None:
    """After a cancelled commit, psycopg2 considers the transaction ended while PostgreSQL does not."""
    number = text("select pg_backend_pid()")
    with own.statement() as connection:
        left = connection.scalar(number)
        raw: Any = connection.connection.dbapi_connection
    raw.autocommit = True
    raw.cursor().execute("begin")
    raw.autocommit = False
    with own.transaction() as session:
        assert session.scalar(number) != left


def test_a_single_statement_takes_one_round_trip(own: Database, database_url: str) -> None:
    """Webhooks and batches consist of single statements, so another round trip each would be noticed."""
    looking = Database(SecretStr(database_url))
    with own.transaction() as session:
        pid = session.scalar(text("select pg_backend_pid()"))

    def last() -> tuple[str, ...]:
        with looking.statement() as connection:
            query = text("select query, state from pg_stat_activity where pid = :pid")
            return tuple(connection.execute(query, {"pid": pid}).one())

    for sent in ("select 1", "select 2"):
        own.execute(text(sent))
        assert last() == (sent, "idle")
    with own.transaction() as session:
        assert session.scalar(text("select 3")) == 3
        assert last() == ("select 3", "idle in transaction")
    looking.close()


@pytest.mark.slow
def test_a_client_that_is_silent_within_a_transaction_loses_its_locks(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is cut off from the network is silent like this, and others must not wait for it."""
    monkeypatch.setattr(models_database, "IDLE_SECONDS", 1)
    cut_off = Database(SecretStr(database_url))
    with pytest.raises(DatabaseUnavailableError):
        lock_and_look_from(cut_off, database)
    cut_off.close()


def lock_and_look_from(cut_off: Database, another: Database) -> None:
    with cut_off.transaction() as silent:
        silent.execute(text("lock table lanes"))
        with another.transaction() as session:
            session.execute(text("select count(*) from lanes"))
        silent.execute(text("select 1"))


def test_both_ends_notice_within_half_a_minute_that_the_network_is_cut(database: Database) -> None:
    with database.transaction() as session:
        wire = session.connection().connection.driver_connection
        assert wire is not None
        theirs = [session.scalar(text(f"show {name}")) for name in ("tcp_user_timeout", "tcp_keepalives_idle")]
        with socket.socket(fileno=wire.fileno()) as ours:
            keepalive = ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            linux = sys.platform == "linux"
            patience = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) if linux else 25000
            ours.detach()
    assert (keepalive, patience) == (1, 25000)
    assert theirs == ["25000", "10"]


def break_connections(url: str) -> None:
    other = Database(SecretStr(url))
    with other.statement() as connection:
        connection.execute(OTHERS)
    other.close()


def test_a_database_that_takes_no_writes_is_unavailable_until_it_does(
    own: Database, database_url: str, databases: Databases
) -> None:
    """As after a failover to a standby, or when a server was made read-only because its disk is full."""
    name = database_url.rpartition("/")[2]
    write = text("create table written (id int)")
    databases.execute(f"alter database {name} set default_transaction_read_only = on")
    break_connections(database_url)
    with pytest.raises(DatabaseUnavailableError), own.statement() as connection:
        connection.execute(write)
    databases.execute(f"alter database {name} reset default_transaction_read_only")
    with own.statement() as connection:  # on a new connection
        connection.execute(write)
