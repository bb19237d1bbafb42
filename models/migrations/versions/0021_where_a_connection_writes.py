"""How an invoice was posted, and the links that were set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("sync_jobs", sa.Column("sent_as", sa.Text()))
    op.execute(
        """
        update sync_jobs set sent_as = 'draft' from connections
        where connections.id = connection_id and entity_type = 'invoice'
            and connections.settings ->> 'posting' = 'draft'
        """
    )

    op.create_table(
        "former_links",
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("entity_type", sa.Text(), primary_key=True),
        sa.Column("moment_id", sa.Text(), primary_key=True),
        sa.Column("remote_id", sa.Text(), primary_key=True),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Go one version down."""
    op.drop_table("former_links")
    op.drop_column("sync_jobs", "sent_as")
