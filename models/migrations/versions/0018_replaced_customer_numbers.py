"""Store the number that Moment had when ours was last written back, so that it is written back only once."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("links", sa.Column("replaced_number", sa.Text()))


def downgrade() -> None:
    op.drop_column("links", "replaced_number")
