"""Let indexes answer two lists: unfinished jobs with their totals, and the jobs of a period."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"

UNFINISHED, BY_DAY = "sync_jobs_not_done", "sync_jobs_by_day"


def upgrade() -> None:
    _replace(["entity_type", "received_at", "id", "currency", "amount"])
    dated = sa.text("record_date is not null")
    op.create_index(BY_DAY, "sync_jobs", ["record_date", "received_at", "id"], postgresql_where=dated)


def downgrade() -> None:
    op.drop_index(BY_DAY, "sync_jobs")
    _replace([])


def _replace(added: list[str]) -> None:
    """Make the index of unfinished jobs anew, with further columns."""
    key, unfinished = ["state", "connection_id", "error_code"], sa.text("state <> 'done'")
    op.drop_index(UNFINISHED, "sync_jobs")
    op.create_index(UNFINISHED, "sync_jobs", key, postgresql_where=unfinished, postgresql_include=added)
