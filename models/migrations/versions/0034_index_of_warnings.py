"""Add an index of the jobs with a warning."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    where = sa.text("warnings <> '[]'::jsonb")
    op.create_index("sync_jobs_with_warning", "sync_jobs", ["connection_id"], postgresql_where=where)


def downgrade() -> None:
    op.drop_index("sync_jobs_with_warning", "sync_jobs")
