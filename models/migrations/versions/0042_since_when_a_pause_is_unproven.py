"""A connection that paused itself says since when nothing has shown that it works again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

NOTE_PAUSES = """
    UPDATE connections SET unproven_since = now()
    WHERE paused_by = '' AND paused_because NOT IN ('""'::jsonb, 'null'::jsonb)
"""


def upgrade() -> None:
    """Go one version up."""
    op.add_column("connections", sa.Column("unproven_since", sa.DateTime(timezone=True)))
    op.execute(NOTE_PAUSES)


def downgrade() -> None:
    """Go one version down."""
    op.drop_column("connections", "unproven_since")
