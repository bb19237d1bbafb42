"""Allow one connection per Moment company; store how an invoice was posted, and links set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

BECAUSE = "Another connection is for the same company in Moment: with two, everything would be posted twice."


def upgrade() -> None:
    op.add_column(
        "connections", sa.Column("shares_company", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    pause_doubles()
    op.create_index(
        "connections_moment_company",
        "connections",
        [sa.text("lower(settings ->> 'moment_company')")],
        unique=True,
        postgresql_where=sa.text("not shares_company"),
    )
    op.add_column("sync_jobs", sa.Column("sent_as", sa.Text()))
    op.execute(
        """
        update sync_jobs set sent_as = 'draft' from connections
        where connections.id = connection_id and entity_type = 'invoice'
            and connections.settings ->> 'posting' = 'draft'
        """
    )

    op.create_table(
        "former_links",
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("entity_type", sa.Text(), primary_key=True),
        sa.Column("moment_id", sa.Text(), primary_key=True),
        sa.Column("remote_id", sa.Text(), primary_key=True),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=False),
    )


def pause_doubles() -> None:
    """Keep the oldest connection of each company running, and pause the others until someone erases some."""
    op.execute(
        """
        update connections set shares_company = true from connections as older
        where older.id < connections.id
            and lower(older.settings ->> 'moment_company') = lower(connections.settings ->> 'moment_company')
        """
    )
    paused = sa.text(
        """
        update connections set paused_because = to_jsonb(cast(:because as text)), paused_by = 'the upgrade'
        where shares_company and paused_because = '""'::jsonb
        """
    )
    op.get_bind().execute(paused, {"because": BECAUSE})


def downgrade() -> None:
    op.drop_index("connections_moment_company", table_name="connections")
    op.drop_column("connections", "shares_company")
    op.drop_table("former_links")
    op.drop_column("sync_jobs", "sent_as")
