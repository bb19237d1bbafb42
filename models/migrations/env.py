"""Alembic's entry: one connection, one lock, so that two processes that start together migrate once.

All of it is one transaction. Whoever works meanwhile waits behind it for what it waits for, so that is not long.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

from models.schema import receiver_tables  # noqa: F401 - its tables are among those of Base
from models.schema.tables import Base

MIGRATION_LOCK = 7240001

given = context.config.attributes
engine = create_engine(given["address"], connect_args={"connect_timeout": 5})
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        for name, milliseconds in {"lock_timeout": given["lock_milliseconds"], "statement_timeout": 0}.items():
            values = {"name": name, "value": str(milliseconds)}  # whatever the role has for the processes
            connection.execute(text("select set_config(:name, :value, true)"), values)
        context.run_migrations()
engine.dispose()
