"""Which backups were made and restored for a try, so that their age can be watched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Go one version up."""
    op.create_table(
        "backups",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
    )


def downgrade() -> None:
    """Go one version down."""
    op.drop_table("backups")
