"""Store since when a connection has had no requests left, and whether an alert was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("connections", sa.Column("short_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "connections", sa.Column("short_told", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("connections", "short_told")
    op.drop_column("connections", "short_since")
