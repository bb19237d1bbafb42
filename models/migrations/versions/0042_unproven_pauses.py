"""Store since when a connection that paused itself has not been shown to work again."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

NOTE_PAUSES = """
    UPDATE connections SET unproven_since = now()
    WHERE paused_by = '' AND paused_because NOT IN ('""'::jsonb, 'null'::jsonb)
"""


def upgrade() -> None:
    op.add_column("connections", sa.Column("unproven_since", sa.DateTime(timezone=True)))
    op.execute(NOTE_PAUSES)


def downgrade() -> None:
    op.drop_column("connections", "unproven_since")
