"""Add customer or supplier, amount and dates to jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"

TEXTS = ("record_number", "record_name", "party", "party_number", "currency")
DATES = ("record_date", "due_date")
ORDERS = {"sync_jobs_by_date": "record_date", "sync_jobs_by_amount": "amount"}


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("sync_jobs", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("sync_jobs", sa.Column("amount", sa.BigInteger(), nullable=True))
    for name in DATES:
        op.add_column("sync_jobs", sa.Column(name, sa.Date(), nullable=True))
    for index, name in ORDERS.items():
        there = sa.text(f"{name} is not null")
        op.create_index(index, "sync_jobs", [name, "id"], postgresql_where=there)


def downgrade() -> None:
    for index in ORDERS:
        op.drop_index(index, "sync_jobs")
    for name in (*TEXTS, "amount", *DATES):
        op.drop_column("sync_jobs", name)
