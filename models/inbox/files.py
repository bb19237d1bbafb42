"""The files of a voucher that were uploaded to an expense in Moment."""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from models.database import Database
from models.schema.tables import FileRow


def synced(database: Database, connection_id: int, expense_id: str) -> dict[str, str]:
    """Return the files of an expense: the name in Moment by the id in 24SevenOffice."""
    of_expense = (FileRow.connection_id == connection_id, FileRow.expense_id == expense_id)
    return dict(database.rows(select(FileRow.file_id, FileRow.name).where(*of_expense)))


def erased_name(name: str) -> str:
    """Return the placeholder for an erased name: the name still counts as used, but cannot be read."""
    return hashlib.sha256(name.encode()).hexdigest()


def save(
    database: Database, connection_id: int, expense_id: str, *, file_id: str, name: str, now: datetime
) -> None:
    """Save that a file was uploaded; call it as soon as Moment has it."""
    row = {"connection_id": connection_id, "expense_id": expense_id, "file_id": file_id, "name": name, "at": now}
    database.execute(insert(FileRow).values(row).on_conflict_do_nothing())
