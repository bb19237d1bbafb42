"""Records with a warning are found at once, however few they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Go one version up."""
    where = sa.text("warnings <> '[]'::jsonb")
    op.create_index("sync_jobs_with_warning", "sync_jobs", ["connection_id"], postgresql_where=where)


def downgrade() -> None:
    """Go one version down."""
    op.drop_index("sync_jobs_with_warning", "sync_jobs")
