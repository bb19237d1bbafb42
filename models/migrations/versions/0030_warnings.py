"""What stopped no sync and should be looked at all the same, of a job and of an attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Go one version up."""
    for table in ("sync_jobs", "attempts"):
        op.add_column(table, sa.Column("warnings", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    # Eleven digits that were quoted, or kept with a candidate, may be somebody's identity number.
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
    """Go one version down."""
    for table in ("sync_jobs", "attempts"):
        op.drop_column(table, "warnings")
