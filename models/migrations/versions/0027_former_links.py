"""Store the fingerprint and the Moment company of links set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("former_links", sa.Column("fingerprint", sa.Text(), nullable=False, server_default=""))
    op.add_column("former_links", sa.Column("moment_company", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("former_links", "moment_company")
    op.drop_column("former_links", "fingerprint")
