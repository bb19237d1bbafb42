"""Alembic's entry: one connection, one lock, so that two processes that start together migrate once."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text

from models.schema.tables import Base

MIGRATION_LOCK = 7240001

engine = create_engine(context.config.attributes["address"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()
engine.dispose()
