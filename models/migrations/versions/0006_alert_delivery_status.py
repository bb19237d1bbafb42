"""Store the delivery status of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.alter_column("alerts", "sent_at", new_column_name="ended_at")
    op.add_column("alerts", sa.Column("fate", sa.Text(), nullable=True))
    op.execute("UPDATE alerts SET fate = 'sent' WHERE ended_at IS NOT NULL")
    op.create_index("alerts_ended", "alerts", ["ended_at"], unique=False)


def downgrade() -> None:
    op.drop_index("alerts_ended", table_name="alerts")
    op.drop_column("alerts", "fate")
    op.alter_column("alerts", "ended_at", new_column_name="sent_at")
