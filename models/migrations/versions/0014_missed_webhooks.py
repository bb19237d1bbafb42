"""Store the changes that polls found without a webhook, and the position of each nightly poll."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "finds",
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("modified_at", instant, nullable=False),
        sa.Column("found_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "kind", "record_id", "modified_at"),
    )
    op.create_index("finds_found", "finds", ["found_at"])
    op.create_table(
        "nights",
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", instant, nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "kind"),
    )


def downgrade() -> None:
    op.drop_table("nights")
    op.drop_table("finds")
