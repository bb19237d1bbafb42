"""Bind secrets to their row: encrypt them again, so that they are useless in another row.

Processes of older versions can no longer write unbound ones.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import context, op
from cryptography.fernet import InvalidToken

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    rewrite("gAAAA%", lambda vault: vault.bind)
    for table in ("connections", "operations"):
        op.create_check_constraint(f"{table}_secrets_are_bound", table, "secrets not like 'gAAAA%'")


def downgrade() -> None:
    for table in ("connections", "operations"):
        op.drop_constraint(f"{table}_secrets_are_bound", table)
    rewrite("v2:%", lambda vault: vault.unbind)


def rewrite(pattern: str, how: Callable[..., Callable[..., str]]) -> None:
    """Encrypt all secrets again; the input of an operation that cannot be decrypted is deleted."""
    bind = op.get_bind()
    every = "select {} from {} where secrets like :pattern for update"
    for row in bind.execute(sa.text(every.format("id, secrets", "connections")), {"pattern": pattern}).all():
        secrets = how(context.config.attributes["vault"])(row.secrets, "connections.secrets", row.id)
        write("connections", row.id, secrets)
    operations = sa.text(every.format("id, connection_id, secrets", "operations"))
    for row in bind.execute(operations, {"pattern": pattern}).all():
        place = ("operations.secrets", row.connection_id, row.id)
        try:
            write("operations", row.id, how(context.config.attributes["vault"])(row.secrets, *place))
        except InvalidToken:
            write("operations", row.id, None)


def write(table: str, number: int, secrets: str | None) -> None:
    """Write encrypted secrets to their row."""
    statement = sa.text(f"update {table} set secrets = :secrets where id = :id")  # noqa: S608 - our own table name
    op.get_bind().execute(statement, {"secrets": secrets, "id": number})
