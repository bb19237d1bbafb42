"""When a job last changed, so that a program can ask for what has changed since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Go one version up. No row is written: the index tells of a job from before by what it has."""
    op.add_column("sync_jobs", sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    changed = sa.text("coalesce(updated_at, greatest(received_at, completed_at))")
    op.create_index("sync_jobs_updated", "sync_jobs", [changed])


def downgrade() -> None:
    """Go one version down."""
    op.drop_index("sync_jobs_updated", "sync_jobs")
    op.drop_column("sync_jobs", "updated_at")
