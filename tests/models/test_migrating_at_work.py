"""Migrations while the previous release is at work: they delay nothing, and leave it the tables that it knows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, Table, UniqueConstraint, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from models import database as models_database
from models.database import MIGRATIONS, Database, DatabaseUnavailableError, downgrade, is_behind, migrate
from tests.models.test_migrations import filling

SINCE = "0021"
"""The version since which the rule holds."""

REVISIONS = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions(SINCE, "head")][::-1]


BAD_CHANGES = (
    "alter table connections rename column name to title",
    "alter table connections drop column token_hash",
    "alter table connections add column owner text not null",
    "alter table connections alter column consecutive_failures set data type text",
    "alter table links drop constraint links_pkey",
    "alter table lanes rename to tracks",
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_database, "MIGRATION_LOCK_SECONDS", 0.2)
    monkeypatch.setattr(models_database, "MIGRATION_PAUSE_SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_migration_that_waits_for_a_lock_lets_others_work_and_then_succeeds(
    database: Database, database_url: str
) -> None:
    url = SecretStr(database_url)
    waits: list[int] = []
    downgrade(url, to="0022")
    with ThreadPoolExecutor() as threads:
        with database.transaction() as backup:
            backup.execute(text("lock table connections in access share mode"))  # as pg_dump does
            migrating = threads.submit(migrate, url, on_wait=lambda: waits.append(1))
            for _ in range(10):
                with database.transaction() as session:
                    session.execute(text("set local statement_timeout = 500"))
                    session.execute(
                        text("select pg_sleep(0.05) from connections right join (select 1) one on true")
                    )
            assert not migrating.done()
        migrating.result(timeout=10)
    assert waits == [1]
    assert not is_behind(database)


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_is_held_for_too_long_is_reported_in_a_sentence(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_database, "MIGRATION_TRIES", 2)
    downgrade(SecretStr(database_url), to="0022")
    with database.transaction() as session:
        session.execute(text("lock table connections in access share mode"))
        with pytest.raises(DatabaseUnavailableError, match="Another session holds a lock"):
            migrate(SecretStr(database_url))
    migrate(SecretStr(database_url))


@pytest.mark.parametrize(("before", "after"), list(pairwise(REVISIONS)))
def test_statements_of_the_previous_release_work_after_a_migration(
    database: Database, database_url: str, before: str, after: str
) -> None:
    """A migration only adds. What it removes is in its ``contracts``, and no released version uses it."""
    url, script = SecretStr(database_url), ScriptDirectory(MIGRATIONS).get_revision(after)
    downgrade(url, to=before)
    with database.transaction() as session:
        known = tables_of(session.connection())
    migrate(url)
    with database.transaction() as session:
        assert list(refused(session.connection(), known, set(getattr(script.module, "contracts", ())))) == []


def test_a_change_that_breaks_the_previous_release_is_found(database: Database) -> None:
    with database.transaction() as session:
        known = tables_of(session.connection(), "connections", "links", "lanes")
        for change in BAD_CHANGES:
            savepoint = session.begin_nested()
            session.execute(text(change))
            assert list(refused(session.connection(), known, set())), change
            savepoint.rollback()


def tables_of(connection: Connection, *names: str) -> MetaData:
    tables = MetaData()
    tables.reflect(connection, only=names or None, resolve_fks=False)
    return tables


def refused(connection: Connection, known: MetaData, contracts: set[str]) -> Iterator[str]:
    """Yield the statements of a release with these tables that fail."""
    connection.execute(text("set session_replication_role = replica"))  # each table by itself
    for table in known.sorted_tables:
        if table.name == "alembic_version" or table.name in contracts:
            continue
        columns = [each for each in table.columns if f"{table.name}.{each.name}" not in contracts]
        for statement in statements(table, columns):
            savepoint = connection.begin_nested()
            try:
                connection.execute(statement)
            except SQLAlchemyError as error:
                yield f"{table.name}: {str(error).partition('[SQL')[0]}"
            savepoint.rollback()


def statements(table: Table, columns: list[Any]) -> Iterator[Any]:
    """Return the statements that a program may execute on a table: every column read, compared and written, rows merged."""
    values = {each.name: filling(each) for each in columns if each.identity is None}
    needed = {each.name for each in columns if not (each.nullable or each.server_default or each.identity)}
    yield select(*columns)
    yield insert(table).values({name: value for name, value in values.items() if name in needed})
    yield insert(table).values(values)
    yield update(table).values(values)
    yield delete(table)
    for each in columns:
        yield select(each).where(each == filling(each)).with_for_update()
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    for constraint in (table.primary_key, *unique):
        merged = postgresql.insert(table).values(values)
        yield merged.on_conflict_do_update(index_elements=[each.name for each in constraint.columns], set_=values)
