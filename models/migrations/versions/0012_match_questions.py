"""Store questions about which 24SevenOffice record matches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    change = sa.ForeignKey("changes.id", ondelete="CASCADE")
    op.create_table(
        "questions",
        sa.Column("change_id", sa.BigInteger(), change, primary_key=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("candidates", JSONB(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("questions")
