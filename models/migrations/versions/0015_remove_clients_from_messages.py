"""Remove the names and ids of the clients that a login reaches from messages of earlier versions."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

TOLD = {
    "alerts": ("message", "remedy"),
    "attempts": ("message",),
    "audit": ("what",),
    "changes": ("message", "remedy"),
    "connections": ("paused_because",),
    "errands": ("answer",),
}
TEXT = r'(?:[^"\\]|\\.)*'
NAMED = rf'"(choices|identity)": "{TEXT}"'
"""The values in messages: the names and ids of all clients, or the id of a wrong one."""

LISTED = rf"(The login reaches several clients of 24SevenOffice): (?!\{{choices\}}){TEXT}"
"""The same in text from before messages had values."""


def upgrade() -> None:
    for table, columns in TOLD.items():
        for column in columns:
            for pattern, instead in ((NAMED, r'"\1": "…"'), (LISTED, r"\1.")):
                blank = sa.text(
                    f"update {table} set {column} = regexp_replace({column}::text, :pattern, :instead, 'g')::jsonb"  # noqa: S608 - ours
                    f" where {column}::text ~ :pattern"
                )
                op.execute(blank.bindparams(pattern=pattern, instead=instead))
    op.execute(
        """
        update audit
        set what = jsonb_build_object(
            'said', '{setting}: changed', 'with', jsonb_build_object('setting', what #> '{with,setting}')
        )
        where what #>> '{with,setting,said}' = 'Identity id' and what ->> 'said' = '{setting}: {old} → {new}'
        """
    )
    op.execute(
        """
        update audit set what = '"Identity id: changed"'
        where jsonb_typeof(what) = 'string' and what #>> '{}' ~ '^(Identity id|identity_id): .* → '
        """
    )


def downgrade() -> None:
    """Do nothing: the removed text is lost."""
