"""The remote ids of links are compared byte by byte, so that those with a prefix are found by the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Go one version up."""
    op.alter_column("links", "remote_id", type_=sa.Text(collation="C"))


def downgrade() -> None:
    """Go one version down."""
    op.alter_column("links", "remote_id", type_=sa.Text(collation="default"))
