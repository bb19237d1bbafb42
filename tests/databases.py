"""Databases for the tests: each is emptied after a test and reused, since copying the template takes 40 ms."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.extensions import connection, cursor
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.exc import SQLAlchemyError

from local.servers import Server
from models import database
from models.database import Database, DatabaseUnavailableError

SHAPE = """
    SELECT (SELECT string_agg(version_num, ' ') FROM alembic_version),
           (SELECT sum(xmin::text::bigint) FROM pg_class),
           (SELECT sum(xmin::text::bigint) FROM pg_attribute),
           (SELECT sum(xmin::text::bigint) FROM pg_constraint),
           (SELECT sum(xmin::text::bigint) FROM pg_trigger),
           (SELECT sum(xmin::text::bigint) FROM pg_proc),
           (SELECT sum(xmin::text::bigint) FROM pg_namespace)
"""
"""A query whose result changes with every change of a table, because PostgreSQL then replaces catalog rows."""

DISCONNECT = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

EMPTY = """
    SET LOCAL session_replication_role = replica;
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0 LOOP  -- most were never written to
            IF pg_table_size(name::regclass) > 2000000 THEN  -- bytes, which slow down the next reader
                RAISE EXCEPTION 'has grown';
            END IF;
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        PERFORM setval(sequencename::regclass, start_value, false) FROM pg_sequences WHERE last_value IS NOT NULL;
    END $$
"""


class Databases:
    """Migrated databases without rows, on one server; a test that kills PostgreSQL starts it again.

    ``template`` is the name of the database that all are copies of.
    """

    def __init__(self, server: Server, template: str) -> None:
        self._server = server
        self._template = template
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._empty: list[str] = []
        self._shapes: dict[str, object] = {}
        self._outside: connection | None = None

    def address(self, name: str) -> str:
        """Return the URL of a database."""
        return self._server.url.removesuffix("/postgres") + f"/{name}"

    def take(self) -> str:
        """Return the name of an empty database.

        No test has used the name before, so processes left over from an earlier test do not find the database.
        """
        name = next(self._names)
        if self._empty:
            before = self._empty.pop()
            self.execute(f"ALTER DATABASE {before} RENAME TO {name}")
            self._shapes[name] = self._shapes.pop(before)
            return name
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        with self._open(name) as sql:
            self._shapes[name] = _shape(sql)
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next test; drop it if its tables have changed or grown."""
        try:
            with self._open(name) as sql:
                sql.execute(DISCONNECT)
                same = self.empty(name, sql)
        except psycopg2.Error:
            same = False
        if same:
            self._empty.append(name)
        else:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def empty(self, name: str, sql: cursor) -> bool:
        """Delete all rows, and return whether the tables are unchanged. Raises psycopg2.Error if they have grown."""
        sql.execute(EMPTY)
        return _shape(sql) == self._shapes[name]

    def hash_password_once(self) -> None:
        """Hash the password once instead of 4,096 times, because that takes most of the time of connecting."""
        self.execute("SET scram_iterations = 1")
        self.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{urlsplit(self._server.url).password}'")

    def cut_off(self, name: str) -> None:
        """Make PostgreSQL refuse new connections to a database, and close the existing ones."""
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.execute(DISCONNECT.replace("current_database()", f"'{name}'"))

    def bring_back(self, name: str) -> None:
        """Undo :meth:`cut_off`."""
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def execute(self, statement: str) -> None:
        """Run a statement on the server, on one connection that is kept as long as it works."""
        try:
            self._execute(statement)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if self._outside and not self._outside.closed:
                raise
            self._execute(statement)  # a test has restarted the server

    def _execute(self, statement: str) -> None:
        if not self._outside or self._outside.closed:
            self._outside = psycopg2.connect(self.address("postgres"))
            self._outside.autocommit = True
        with self._outside.cursor() as sql:
            sql.execute(statement)

    def close(self) -> None:
        """Close the connection to the server."""
        if self._outside:
            self._outside.close()

    @contextmanager
    def _open(self, name: str) -> Iterator[cursor]:
        opened = psycopg2.connect(self.address(name))
        opened.autocommit = True
        try:
            with opened.cursor() as sql:
                yield sql
        finally:
            opened.close()


class OpenDatabase:
    """The database of tests that stay within one process; its connections stay open from test to test.

    Opening connections, on each of which PostgreSQL reads its catalog, takes as long as a short test.
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._name = ""
        self._database: Database | None = None

    def take(self) -> Database:
        if self._database is None:
            self._name = self._databases.take()
            self._database = Database(SecretStr(self._databases.address(self._name)), pool_size=2)
        return self._database

    def give_back(self) -> None:
        """Empty the database for the next test. If that is not possible, the next test gets another one."""
        database = self.take()
        try:
            with database.transaction() as session:
                wire: Any = session.connection().connection.driver_connection
                same = self._databases.empty(self._name, wire.cursor())
        except (SQLAlchemyError, psycopg2.Error, DatabaseUnavailableError):
            same = False
        if not same:
            self.close()

    def close(self) -> None:
        if self._database:
            self._database.close()
            self._databases.give_back(self._name)
        self._database = None


def _shape(sql: cursor) -> object:
    sql.execute(SHAPE)
    return sql.fetchone()


@contextmanager
def compiling_once() -> Iterator[None]:
    """Share SQLAlchemy's compiled statements among all databases, which saves a quarter of a test's time."""
    statements, type_memos = dict[Any, Any](), dict[Any, Any]()

    def create(*args: Any, **options: Any) -> Engine:
        engine = create_engine(*args, **options)
        engine._compiled_cache = statements  # noqa: SLF001 - no option of an engine gives it one
        engine.dialect.__dict__["_type_memos"] = type_memos
        return engine

    with pytest.MonkeyPatch.context() as patch:
        # the cache compares dialects, and ours are all alike
        patch.setattr(PGDialect_psycopg2, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(PGDialect_psycopg2, "__hash__", lambda one: hash(type(one)))
        patch.setattr(database, "create_engine", create)
        yield
