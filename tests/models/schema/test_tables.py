import subprocess
import sys
from pathlib import Path

from sqlalchemy import func, select, text

from models.database import Database
from models.schema.tables import SyncJobRow

FULL_MONTH = Path(__file__).parents[2] / "bench" / "full.sql"


def test_the_rows_of_the_benchmark_fit_the_tables(database: Database) -> None:
    small = FULL_MONTH.read_text().replace("generate_series(1, 1000000)", "generate_series(1, 2000)")
    with database.transaction() as session:
        for statement in small.removesuffix(";\n").split(";\n"):
            session.execute(text(statement))
    assert database.scalar(select(func.count()).select_from(SyncJobRow)) == 2000


def test_a_person_is_searched_for_in_every_table(database: Database) -> None:
    searched = "from models.admin.personal_data import Base; print(*Base.metadata.tables)"
    alone = subprocess.run([sys.executable, "-c", searched], capture_output=True, text=True, check=True)
    tables = text("select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'")
    with database.statement() as connection:
        assert set(alone.stdout.split()) == set(connection.scalars(tables))
