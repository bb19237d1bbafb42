"""Since when a webhook has its address: what came to an earlier one does not limit it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0030"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("connections", sa.Column("webhook_token_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Go one version down."""
    op.drop_column("connections", "webhook_token_at")
