"""How an invoice was posted, and the links that were set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.database import MigrationRefusedError

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Go one version up."""
    refuse_doubles()
    op.create_index(
        "connections_moment_company", "connections", [sa.text("lower(settings ->> 'moment_company')")], unique=True
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


def refuse_doubles() -> None:
    """Leave all as it is where two connections are for one company: which one stays is for a person to say."""
    doubles = op.get_bind().execute(
        sa.text(
            """
            select string_agg(name, ', ' order by id) from connections
            group by lower(settings ->> 'moment_company') having count(settings ->> 'moment_company') > 1
            """
        )
    )
    if named := "; ".join(sorted(doubles.scalars())):
        raise MigrationRefusedError(
            f"These connections are for the same company in Moment, which is allowed no longer: {named}. With the "
            "release from before, erase all but one of each (connections erase), then upgrade."
        )


def downgrade() -> None:
    """Go one version down."""
    op.drop_index("connections_moment_company", table_name="connections")
    op.drop_table("former_links")
    op.drop_column("sync_jobs", "sent_as")
