"""Store a connection's last test and when its Moment key was saved, and a session's notice for the next page."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"

NOTE_TESTS = """
    UPDATE connections SET tested_at = last.requested_at, failed_checks = last.failed
    FROM (
        SELECT DISTINCT ON (connection_id) connection_id, requested_at, (
            SELECT count(*) FROM jsonb_array_elements(result -> 'findings') AS finding
            WHERE finding ->> 'status' = 'bad'
        ) AS failed
        FROM operations WHERE type = 'diagnostics' AND result -> 'findings' <> '[]'
        ORDER BY connection_id, id DESC
    ) AS last
    WHERE last.connection_id = connections.id
"""

NOTE_KEYS = """
    UPDATE connections SET api_key_saved_at = (
        SELECT max(at) FROM audit_log
        WHERE audit_log.connection_id = connections.id AND (
            action ->> 'said' IN ('added', 'Added the connection')
            OR action ->> 'said' = '{setting}: changed'
            AND action -> 'with' -> 'setting' ->> 'said' = 'API key from Moment'
        )
    )
"""

NOT_STARTED = """
    UPDATE connections
    SET paused_because = jsonb_set(paused_because, '{said}', to_jsonb('It hasn''t been started yet.'::text))
    WHERE paused_because ->> 'said' = 'It has not been started yet.'
"""
"""This message marks a connection that was never started; its wording has changed."""


def upgrade() -> None:
    op.add_column("sessions", sa.Column("notice", postgresql.JSONB()))
    op.add_column("connections", sa.Column("tested_at", sa.DateTime(timezone=True)))
    op.add_column("connections", sa.Column("failed_checks", sa.Integer(), server_default="0", nullable=False))
    op.add_column("connections", sa.Column("failed_login", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("connections", sa.Column("api_key_saved_at", sa.DateTime(timezone=True)))
    op.execute(NOT_STARTED)
    op.execute(NOTE_TESTS)
    op.execute(NOTE_KEYS)


def downgrade() -> None:
    for name in ("api_key_saved_at", "failed_login", "failed_checks", "tested_at"):
        op.drop_column("connections", name)
    op.drop_column("sessions", "notice")
