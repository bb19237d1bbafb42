"""Which number Moment had when ours was last returned to it, so that it is not returned again and again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("links", sa.Column("replaced_number", sa.Text()))


def downgrade() -> None:
    """Go one version down."""
    op.drop_column("links", "replaced_number")
