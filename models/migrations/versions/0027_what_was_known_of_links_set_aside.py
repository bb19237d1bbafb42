"""What was known of a link when it was set aside, and of which company in Moment it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("former_links", sa.Column("fingerprint", sa.Text(), nullable=False, server_default=""))
    op.add_column("former_links", sa.Column("moment_company", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Go one version down."""
    op.drop_column("former_links", "moment_company")
    op.drop_column("former_links", "fingerprint")
