"""Add the data of the pages: statistics, webhook activity, operations, and the search words of jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0008"
down_revision = "0007"

EMPTY = sa.text("'\"\"'::jsonb")
KINDS = ("customer", "project", "invoice", "expense")
AWAITED = ("connection_id", "waits_for_kind", "waits_for_id")
FOUND_BY = r"""
    UPDATE changes SET words = array_to_tsvector(array_remove(regexp_split_to_array(lower(concat_ws(' ',
        title #>> '{}', record_id, (SELECT remote_id FROM links WHERE links.connection_id = changes.connection_id
            AND links.kind = changes.kind AND links.moment_id = changes.record_id))), '\W+'), ''))
"""


def upgrade() -> None:
    op.add_column("connections", sa.Column("paused_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("lanes", sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("changes", sa.Column("words", TSVECTOR(), nullable=True))
    op.add_column("alerts", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("changes", sa.Column("closed_because", JSONB(), nullable=False, server_default=EMPTY))
    op.execute(FOUND_BY)
    _index_changes()
    _extend_audit()
    op.create_index("alerts_of_connection", "alerts", ["connection_id", "ended_at"])
    op.create_index("alerts_of_change", "alerts", ["change_id"])
    op.create_table(
        "tallies",
        _connection(primary_key=True),
        sa.Column("span", sa.Text(), primary_key=True),
        sa.Column("begins", sa.DateTime(timezone=True), primary_key=True),
        *(_zero(name, sa.Integer()) for name in ("synced", "unchanged", "skipped", "failed")),
        *(_zero(name, sa.Double()) for name in ("seconds", "longest")),
    )
    op.create_index("tallies_begin", "tallies", ["span", "begins"])
    op.create_table(
        "notifications",
        _connection(primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "errands",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        _connection(index=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("errands")
    op.drop_table("notifications")
    op.drop_table("tallies")
    op.drop_index("alerts_of_change", table_name="alerts")
    op.drop_index("alerts_of_connection", table_name="alerts")
    op.drop_index("audit_of_change", table_name="audit")
    op.drop_index("audit_of_connection", table_name="audit")
    op.create_index("ix_audit_connection_id", "audit", ["connection_id"])
    op.execute("DELETE FROM audit WHERE connection_id IS NULL")
    op.alter_column("audit", "connection_id", nullable=False)
    op.drop_column("audit", "change_id")
    words = (f"words_{kind}" for kind in KINDS)
    for index in (*words, "reason", "unsettled", "of_connection", "latest", "waiting_for"):
        op.drop_index(f"changes_{index}", table_name="changes")
    op.create_index("changes_waiting_for", "changes", AWAITED)
    op.drop_column("alerts", "reason")
    op.drop_column("changes", "closed_because")
    op.drop_column("changes", "words")
    op.drop_column("lanes", "synced_at")
    op.drop_column("connections", "paused_by")


def _index_changes() -> None:
    op.drop_index("changes_waiting_for", table_name="changes")
    waits, unsettled, given = map(sa.text, ("waits_for_kind is not null", "state <> 'settled'", "reason <> ''"))
    op.create_index("changes_waiting_for", "changes", AWAITED, postgresql_where=waits)
    op.create_index("changes_latest", "changes", ["kind", "received_at", "id"])
    op.create_index("changes_of_connection", "changes", ["connection_id", "kind", "received_at", "id"])
    op.create_index(
        "changes_unsettled", "changes", ["state", "connection_id", "reason"], postgresql_where=unsettled
    )
    op.create_index("changes_reason", "changes", ["reason"], postgresql_where=given)
    for kind in KINDS:
        of_kind = sa.text(f"kind = '{kind}'")
        op.create_index(
            f"changes_words_{kind}", "changes", ["words"], postgresql_using="gin", postgresql_where=of_kind
        )


def _extend_audit() -> None:
    change = sa.ForeignKey("changes.id", ondelete="CASCADE")
    op.alter_column("audit", "connection_id", nullable=True)
    op.add_column("audit", sa.Column("change_id", sa.BigInteger(), change, nullable=True))
    op.drop_index("ix_audit_connection_id", table_name="audit")
    op.create_index("audit_of_connection", "audit", ["connection_id", "id"])
    about_change = sa.text("change_id is not null")
    op.create_index("audit_of_change", "audit", ["change_id"], postgresql_where=about_change)


def _connection(*, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    connection = sa.ForeignKey("connections.id", ondelete="CASCADE")
    return sa.Column(
        "connection_id", sa.Integer(), connection, primary_key=primary_key, nullable=False, index=index
    )


def _zero(name: str, kind: sa.Integer | sa.Double[float]) -> sa.Column[float]:
    return sa.Column(name, kind, nullable=False, server_default="0")
