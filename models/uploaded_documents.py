"""The documents of vouchers that were uploaded to expenses in Moment."""

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from models.database import Database
from models.schema.tables import UploadedDocumentRow


def find(database: Database, connection_id: int, expense_id: str) -> dict[str, str]:
    """Return an expense's documents: the name in Moment by the id in 24SevenOffice."""
    of_expense = (UploadedDocumentRow.connection_id == connection_id, UploadedDocumentRow.expense_id == expense_id)
    return dict(database.rows(select(UploadedDocumentRow.file_id, UploadedDocumentRow.name).where(*of_expense)))


def erased_name(name: str) -> str:
    """Return the placeholder for an erased name: the name still counts as used, but cannot be read."""
    return hashlib.sha256(name.encode()).hexdigest()


def save(
    database: Database, connection_id: int, expense_id: str, *, document_id: str, name: str, now: datetime
) -> None:
    """Save that a document was uploaded. Call it as soon as Moment has the document."""
    row = {
        "connection_id": connection_id,
        "expense_id": expense_id,
        "file_id": document_id,
        "name": name,
        "at": now,
    }
    database.execute(insert(UploadedDocumentRow).values(row).on_conflict_do_nothing())
