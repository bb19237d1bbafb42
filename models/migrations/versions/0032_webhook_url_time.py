"""Store since when a webhook has its URL, and limit a connection's alert recipients to 20.

No migration has the number 0031.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("connections", sa.Column("webhook_token_at", sa.DateTime(timezone=True)))
    op.execute(
        """
        update connections
        set settings = jsonb_set(
            settings, '{error_emails}', jsonb_path_query_array(settings, '$.error_emails[0 to 19]')
        )
        where jsonb_array_length(settings -> 'error_emails') > 20
        """
    )


def downgrade() -> None:
    op.drop_column("connections", "webhook_token_at")
