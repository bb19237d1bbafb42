"""Add leases to operations."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("operations", sa.Column("lease_id", sa.Uuid()))
    op.add_column("operations", sa.Column("lease_expires_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("operations", "lease_expires_at")
    op.drop_column("operations", "lease_id")
