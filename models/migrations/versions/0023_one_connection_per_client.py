"""Allow one connection per 24SevenOffice client; its number is stored at the next login."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("connections", sa.Column("client_number", sa.BigInteger()))
    op.create_index("connections_client_number", "connections", ["client_number"], unique=True)


def downgrade() -> None:
    op.drop_index("connections_client_number", table_name="connections")
    op.drop_column("connections", "client_number")
