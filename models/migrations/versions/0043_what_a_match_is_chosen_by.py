"""A question which record this is shows Moment's own record beside the candidates, and an answer is taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0041"


def upgrade() -> None:
    """Go one version up."""
    op.add_column("match_questions", sa.Column("moment_record", JSONB()))
    op.add_column("match_questions", sa.Column("addresses", JSONB()))
    op.add_column("match_questions", sa.Column("undone", JSONB(), server_default="[]", nullable=False))


def downgrade() -> None:
    """Go one version down."""
    for column in ("moment_record", "addresses", "undone"):
        op.drop_column("match_questions", column)
