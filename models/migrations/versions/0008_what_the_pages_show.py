"""What the pages show and find: tallies, errands, and the words of changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0008"
down_revision = "0007"

OPEN = sa.text("state in ('waiting', 'working', 'stuck')")
STUCK = sa.text("state = 'stuck'")


def upgrade() -> None:
    """Go one version up."""
    op.add_column("lanes", sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("changes", sa.Column("words", TSVECTOR(), nullable=True))
    op.create_index("changes_latest", "changes", ["received_at", "id"])
    op.create_index("changes_of_connection", "changes", ["connection_id", "received_at", "id"])
    op.create_index("changes_open", "changes", ["connection_id", "state"], postgresql_where=OPEN)
    op.create_index("changes_stuck", "changes", ["received_at", "id"], postgresql_where=STUCK)
    op.create_index("changes_words", "changes", ["words"], postgresql_using="gin")
    op.alter_column("audit", "connection_id", nullable=True)
    op.create_table(
        "tallies",
        _connection(primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("hour", sa.DateTime(timezone=True), primary_key=True, index=True),
        *(_zero(name, sa.Integer()) for name in ("synced", "unchanged", "skipped", "failed")),
        *(_zero(name, sa.Double()) for name in ("seconds", "longest")),
    )
    op.create_table(
        "errands",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        _connection(nullable=True, index=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    """Go one version down."""
    op.drop_table("errands")
    op.drop_table("tallies")
    op.execute("DELETE FROM audit WHERE connection_id IS NULL")
    op.alter_column("audit", "connection_id", nullable=False)
    for index in ("words", "stuck", "open", "of_connection", "latest"):
        op.drop_index(f"changes_{index}", table_name="changes")
    op.drop_column("changes", "words")
    op.drop_column("lanes", "synced_at")


def _connection(*, primary_key: bool = False, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    connection = sa.ForeignKey("connections.id", ondelete="CASCADE")
    return sa.Column(
        "connection_id", sa.Integer(), connection, primary_key=primary_key, nullable=nullable, index=index
    )


def _zero(name: str, kind: sa.Integer | sa.Double[float]) -> sa.Column[float]:
    return sa.Column(name, kind, nullable=False, server_default="0")
