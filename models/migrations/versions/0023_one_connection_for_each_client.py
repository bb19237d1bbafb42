"""Which client of 24SevenOffice a connection works in, learned when it logs in next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("connections", sa.Column("client_number", sa.BigInteger()))
    op.create_index("connections_client_number", "connections", ["client_number"], unique=True)


def downgrade() -> None:
    """Go one version down."""
    op.drop_index("connections_client_number", table_name="connections")
    op.drop_column("connections", "client_number")
