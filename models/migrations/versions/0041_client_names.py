"""Store the name of a connection's 24SevenOffice client."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"

NOTE_NAMES = """
    UPDATE connections SET client_name = last.name
    FROM (
        SELECT DISTINCT ON (operations.connection_id) operations.connection_id, client ->> 'name' AS name
        FROM operations JOIN connections ON connections.id = operations.connection_id,
            jsonb_array_elements(operations.result -> 'clients') AS client
        WHERE operations.type = 'diagnostics' AND lower(client ->> 'id') = lower(settings ->> 'identity_id')
        ORDER BY operations.connection_id, operations.id DESC
    ) AS last
    WHERE last.connection_id = connections.id
"""


def upgrade() -> None:
    op.add_column("connections", sa.Column("client_name", sa.Text(), server_default="", nullable=False))
    op.execute(NOTE_NAMES)


def downgrade() -> None:
    op.drop_column("connections", "client_name")
