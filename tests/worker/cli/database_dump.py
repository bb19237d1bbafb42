"""The whole database as text, to search it for what must not be there."""

from sqlalchemy import text

from models.schema.tables import Base
from worker.container import Container


def dump(container: Container) -> str:
    """Return everything in the database as one text."""
    with container.database.transaction() as session:
        rows = [
            row
            for table in Base.metadata.sorted_tables
            for row in session.scalars(text(f'select to_jsonb(each)::text from "{table.name}" as each'))  # noqa: S608 - our own tables
        ]
    return "\n".join(rows)
