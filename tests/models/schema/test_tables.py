from pathlib import Path

from sqlalchemy import func, select, text

from models.database import Database
from models.schema.tables import SyncJobRow

FULL_MONTH = Path(__file__).parents[2] / "bench" / "full.sql"


def test_the_month_of_a_thousand_connections_fits_the_tables(database: Database) -> None:
    small = FULL_MONTH.read_text().replace("generate_series(1, 1000000)", "generate_series(1, 2000)")
    with database.transaction() as session:
        for statement in small.removesuffix(";\n").split(";\n"):
            session.execute(text(statement))
    assert database.scalar(select(func.count()).select_from(SyncJobRow)) == 2000
