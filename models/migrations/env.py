"""Alembic's entry point: one connection and one lock, so that only one of two starting processes migrates.

It runs in one transaction. Other sessions wait for its locks, so it must be short.
"""

from alembic import context
from sqlalchemy import create_engine, text

from models.schema import receiver_tables, user_tables  # noqa: F401 - registers their tables with Base
from models.schema.tables import Base

MIGRATION_LOCK = 7240001

given = context.config.attributes
engine = create_engine(given["address"], connect_args={"connect_timeout": 5})
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        for name, milliseconds in {"lock_timeout": given["lock_milliseconds"], "statement_timeout": 0}.items():
            values = {"name": name, "value": str(milliseconds)}  # overrides what the role has for the processes
            connection.execute(text("select set_config(:name, :value, true)"), values)
        context.run_migrations()
engine.dispose()
