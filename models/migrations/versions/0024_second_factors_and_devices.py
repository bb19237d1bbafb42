"""Add temporary passwords, second factors, users' devices, and alerts about accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("password_is_temporary", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("users", sa.Column("factor_secret", sa.Text()))
    op.add_column("users", sa.Column("factor_used", sa.BigInteger()))
    op.add_column("users", sa.Column("wrong_codes", sa.Integer(), nullable=False, server_default="0"))
    op.create_table("recovery_codes", _of_user(), sa.Column("code_hash", sa.Text(), primary_key=True))
    op.create_table(
        "devices",
        _of_user(),
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("sessions", sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False))
    op.create_unique_constraint("sessions_id_key", "sessions", ["id"])
    op.add_column("sessions", sa.Column("device", sa.Text(), nullable=False, server_default=""))
    for name in ("by_openid", "awaits_code"):
        op.add_column("sessions", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True)))
    op.alter_column("alerts", "connection_id", nullable=True)


def _of_user() -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)


def downgrade() -> None:
    op.execute("delete from alerts where connection_id is null")
    op.alter_column("alerts", "connection_id", nullable=False)
    op.execute("delete from sessions where awaits_code")  # otherwise they would be signed in
    for name in ("confirmed_at", "awaits_code", "by_openid", "device", "id"):
        op.drop_column("sessions", name)
    op.drop_table("devices")
    op.drop_table("recovery_codes")
    for name in ("wrong_codes", "factor_used", "factor_secret", "password_is_temporary"):
        op.drop_column("users", name)
