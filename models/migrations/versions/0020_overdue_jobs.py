"""Store since when a job is unfinished, and which pauses an alert was sent about."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column(
        "connections", sa.Column("pause_alerted", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(
        """
        update connections set pause_alerted = true, outage_alerted = false, consecutive_failures = 0
        where outage_alerted and outage_since is null
        """
    )  # an alert about a pause used to be stored as one about an outage without a start
    op.add_column("sync_jobs", sa.Column("unfinished_since", sa.DateTime(timezone=True)))
    op.execute(
        """
        update sync_jobs set unfinished_since = received_at
        where state in ('queued', 'running', 'waiting', 'retrying')
        """
    )


def downgrade() -> None:
    op.drop_column("sync_jobs", "unfinished_since")
    op.execute(
        """
        update connections set outage_alerted = true, consecutive_failures = greatest(1, consecutive_failures)
        where pause_alerted
        """
    )
    op.drop_column("connections", "pause_alerted")
