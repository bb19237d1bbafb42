"""Store a connection's failures and outage, and until when its circuit breaker is open."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("connections", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("connections", sa.Column("down_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "connections", sa.Column("down_told", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("connections", "down_told")
    op.drop_column("connections", "rests_until")
    op.drop_column("connections", "down_since")
    op.drop_column("connections", "failures")
