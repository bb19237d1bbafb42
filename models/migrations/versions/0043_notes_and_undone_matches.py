"""Store Moment's record in match questions, undone matches, notes on records, and an invoice's project id."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    op.add_column("match_questions", sa.Column("moment_record", JSONB()))
    op.add_column("match_questions", sa.Column("addresses", JSONB()))
    op.add_column("match_questions", sa.Column("undone", JSONB(), server_default="[]", nullable=False))
    op.add_column("sync_jobs", sa.Column("project_id", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("job_id", sa.BigInteger(), sa.ForeignKey("sync_jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("ix_notes_job_id", "notes", ["job_id"])


def downgrade() -> None:
    op.drop_table("notes")
    op.drop_column("sync_jobs", "project_id")
    for column in ("moment_record", "addresses", "undone"):
        op.drop_column("match_questions", column)
