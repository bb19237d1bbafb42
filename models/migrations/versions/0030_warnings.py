"""Add warnings to jobs and attempts, and remove possible identity numbers from messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    for table in ("sync_jobs", "attempts"):
        op.add_column(table, sa.Column("warnings", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    # Eleven digits in a message or in a candidate may be someone's national identity number.
    for table in ("sync_jobs", "attempts", "alerts"):
        op.execute(
            rf"""
            update {table} set message = regexp_replace(message::text, '([0-9][ .-]?){{11}}', '…', 'g')::jsonb
            where error_code = 'organization_number'
            """  # noqa: S608 - our own tables
        )
    op.execute(
        r"""
        update match_questions set candidates = regexp_replace(
            candidates::text, '("organization_number": ")([0-9][ .-]?){11}"', '\1"', 'g'
        )::jsonb
        where candidates::text ~ '"organization_number": "([0-9][ .-]?){11}"'
        """
    )


def downgrade() -> None:
    for table in ("sync_jobs", "attempts"):
        op.drop_column(table, "warnings")
