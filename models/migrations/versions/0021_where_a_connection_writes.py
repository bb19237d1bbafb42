"""How an invoice was posted, and which company and client a connection works for."""

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


def downgrade() -> None:
    """Go one version down."""
    op.drop_column("sync_jobs", "sent_as")
