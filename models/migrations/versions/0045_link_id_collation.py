"""Compare the remote ids of links byte by byte, so that the index finds those with a prefix."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.alter_column("links", "remote_id", type_=sa.Text(collation="C"))


def downgrade() -> None:
    op.alter_column("links", "remote_id", type_=sa.Text(collation="default"))
