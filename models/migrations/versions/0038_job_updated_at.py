"""Store when a job last changed, so that programs can ask for changes since a time."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Add the column without writing a row: for existing jobs, the index uses their other times."""
    op.add_column("sync_jobs", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    changed = sa.text("coalesce(updated_at, greatest(received_at, completed_at))")
    op.create_index("sync_jobs_updated", "sync_jobs", [changed])


def downgrade() -> None:
    op.drop_index("sync_jobs_updated", "sync_jobs")
    op.drop_column("sync_jobs", "updated_at")
