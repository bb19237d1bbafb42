"""Add the job states waiting and retrying; a job that must not be tried has no due time."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

KEY = ["due_at", "connection_id", "entity_type"]


def upgrade() -> None:
    op.drop_index("sync_jobs_due", table_name="sync_jobs")
    op.alter_column("sync_jobs", "due_at", nullable=True)
    op.execute("update sync_jobs set due_at = null where state <> 'queued'")
    op.execute(
        """
        update sync_jobs set state = case
            when dependency_type is not null and outcome = 'failed' then 'waiting'
            when outcome = 'failed' and failed_attempts > 0 then 'retrying'
            when outcome in ('synced', 'unchanged', 'skipped') and due_at > received_at
                and completed_at >= received_at then 'done'
            else 'queued'
        end
        where state = 'queued'
        """
    )
    op.create_index("sync_jobs_due", "sync_jobs", KEY, postgresql_where=sa.text("due_at is not null"))


def downgrade() -> None:
    op.drop_index("sync_jobs_due", table_name="sync_jobs")
    op.execute(
        """
        update sync_jobs set state = 'queued'
        where state in ('waiting', 'retrying') or (state = 'done' and due_at is not null)
        """
    )
    op.execute("update sync_jobs set due_at = coalesce(completed_at, received_at) where due_at is null")
    op.alter_column("sync_jobs", "due_at", nullable=False)
    op.create_index("sync_jobs_due", "sync_jobs", KEY, postgresql_where=sa.text("state = 'queued'"))
