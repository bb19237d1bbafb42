"""Store until when a webhook's unknown records are left to the polls."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column("connections", sa.Column("webhook_limited_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("connections", "webhook_limited_until")
