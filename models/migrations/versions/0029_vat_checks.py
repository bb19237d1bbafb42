"""Store how a voucher's VAT was sent, and which VAT codes have been checked in the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("sync_jobs", sa.Column("sent_vat", sa.Text()))
    op.execute("update sync_jobs set sent_vat = 'gross' where sent_as is not null")
    # Connections that have posted vouchers continue as before, until someone changes the setting.
    op.execute(
        """
        update connections set settings = settings || '{"voucher_vat": "gross"}'
        where exists (
            select 1 from sync_jobs where connection_id = connections.id and sent_as is not null
        )
        """
    )
    op.create_table(
        "vat_checks",
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("way", sa.Text(), primary_key=True),
        sa.Column("vat_code", sa.Text(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.execute("update connections set settings = settings - 'voucher_vat' - 'rounding_account'")
    op.drop_table("vat_checks")
    op.drop_column("sync_jobs", "sent_vat")
