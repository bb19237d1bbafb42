"""Store since when a job needs attention, its reminders, and when a connection's last digest was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("changes", sa.Column("stuck_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("changes", sa.Column("reminders", sa.Integer(), server_default="0", nullable=False))
    op.add_column("connections", sa.Column("digest_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("connections", "digest_at")
    op.drop_column("changes", "reminders")
    op.drop_column("changes", "stuck_since")
