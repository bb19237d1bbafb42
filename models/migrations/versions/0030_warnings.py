"""What stopped no sync and should be looked at all the same, of a job and of an attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0028"


def upgrade() -> None:
    """Go one version up."""
    for table in ("sync_jobs", "attempts"):
        op.add_column(table, sa.Column("warnings", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))


def downgrade() -> None:
    """Go one version down."""
    for table in ("sync_jobs", "attempts"):
        op.drop_column(table, "warnings")
