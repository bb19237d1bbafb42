"""Create event receivers, events and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event_receivers",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("former_secret", sa.Text()),
        sa.Column("former_secret_until", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT),
        sa.Column("disabled_because", sa.Text()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", INSTANT),
        sa.Column("retry_at", INSTANT),
        sa.Column("lease_id", sa.Uuid()),
        sa.Column("lease_expires_at", INSTANT),
    )
    op.create_table(
        "event_receiver_connections",
        sa.Column("receiver_id", sa.BigInteger(), _to("event_receivers"), primary_key=True),
        sa.Column("connection_id", sa.Integer(), _to("connections"), primary_key=True, index=True),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Integer(), _to("connections"), index=True),
        sa.Column("created_at", INSTANT, nullable=False, index=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
    )
    op.create_table(
        "event_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("event_id", sa.Uuid(), _to("events"), nullable=False, index=True),
        sa.Column("receiver_id", sa.BigInteger(), _to("event_receivers"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempted_at", INSTANT),
        sa.Column("http_status", sa.Integer()),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
    )
    due = sa.text("due_at is not null")
    op.create_index("event_deliveries_due", "event_deliveries", ["receiver_id", "due_at"], postgresql_where=due)
    op.create_index("event_deliveries_of_receiver", "event_deliveries", ["receiver_id", "id"])


def downgrade() -> None:
    for table in ("event_deliveries", "events", "event_receiver_connections", "event_receivers"):
        op.drop_table(table)


def _to(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
