"""Store messages as template and values, so that they can be translated. Existing text stays as it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

REQUIRED = {
    "alerts": ("title", "message", "remedy"),
    "attempts": ("message",),
    "audit": ("who", "what"),
}
DEFAULTED = {"changes": ("title", "message", "remedy"), "connections": ("paused_because",)}


def upgrade() -> None:
    for table, columns in (REQUIRED | DEFAULTED).items():
        for column in columns:
            op.alter_column(table, column, server_default=None)
            op.alter_column(table, column, type_=JSONB(), postgresql_using=f"to_jsonb({column})")
            if table in DEFAULTED:
                op.alter_column(table, column, server_default=sa.text("'\"\"'::jsonb"))


def downgrade() -> None:
    """Keep the template of each message; its values are lost."""
    for table, columns in (REQUIRED | DEFAULTED).items():
        for column in columns:
            text = f"coalesce({column} ->> 'said', {column} #>> '{{}}')"
            op.alter_column(table, column, server_default=None)
            op.alter_column(table, column, type_=sa.Text(), postgresql_using=text)
            if table in DEFAULTED:
                op.alter_column(table, column, server_default=sa.text("''"))
