"""Whether the tables are as new as this program, so that a process does not say it is ready and then fails."""

from functools import cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from models.database import Database


def is_behind(database: Database) -> bool:
    """Tell whether the tables are older than this program, or not there; newer ones are those of an upgrade.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    try:
        with database.statement() as connection:
            version = connection.scalar(text("select version_num from alembic_version"))
    except ProgrammingError:
        return True  # there is no such table
    return version is None or version in _older()


@cache
def _older() -> frozenset[str]:
    """Tell the versions that this program has left behind."""
    scripts = ScriptDirectory(str(Path(__file__).parents[1] / "migrations"))
    return frozenset(script.revision for script in scripts.walk_revisions()) - set(scripts.get_heads())
