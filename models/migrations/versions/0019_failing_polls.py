"""Store when a lane was last polled, and since when and why its polls fail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"

EMPTY_TEXT = sa.text("'\"\"'::jsonb")
COLUMNS = ("polled_at", "failing_since", "failures", "problem", "failure_alerted")


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column("cursors", sa.Column("polled_at", instant))
    op.add_column("cursors", sa.Column("failing_since", instant))
    op.add_column("cursors", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("cursors", sa.Column("problem", JSONB(), nullable=False, server_default=EMPTY_TEXT))
    op.add_column("cursors", sa.Column("failure_alerted", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("cursors", name)
