"""A sentence stored by an earlier release is shown in today's wording, in each language."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Column, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from i18n.catalog import Language
from i18n.messages import translate
from models.connections.repository import Connection
from models.database import Database
from models.enums import EntityType, JobState
from models.schema import receiver_tables  # noqa: F401 - its tables are among those of Base
from models.schema.tables import (
    AlertRow,
    AttemptRow,
    Base,
    CursorRow,
    LocalizedText,
    LocalizedTexts,
    SyncJobRow,
)
from sync.diagnostics.findings import Finding
from sync.reconciliation.report import Discrepancy
from tests.factories import NOW

OLD = {"said": "paused: {because}", "with": {"because": {"said": "It was paused by hand.", "with": {}}}}
NORWEGIAN = "Satt på pause: Ingen årsak oppgitt."
LOCALIZED: list[Column[Any]] = [
    column
    for table in Base.metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, LocalizedText | LocalizedTexts)
]


@pytest.fixture
def stored(database: Database, connection: Connection) -> None:
    """Store a row with sentences in each table, as an earlier release did."""
    record = {"connection_id": connection.id, "entity_type": EntityType.INVOICE}
    attempt = {"at": NOW, "seconds": 1, "outcome": "failed", "error_code": "", "message": ""}
    told = {"recipient": "kari@example.com", "type": "paused", "title": "", "message": "", "remedy": ""}
    with database.transaction() as session:
        job = SyncJobRow(**record, record_id="1", state=JobState.NEEDS_ATTENTION, received_at=NOW)
        session.add(job)
        session.flush()
        session.add(AttemptRow(job_id=job.id, **attempt))
        session.add(AlertRow(connection_id=connection.id, created_at=NOW, **told))
        session.add(CursorRow(**record, position=NOW))
        session.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
        for column in LOCALIZED:
            _write(session, column)
        session.execute(text("ALTER TABLE audit_log ENABLE TRIGGER USER"))


def _write(session: Session, column: Column[Any]) -> None:
    """Write the sentence as it was stored, bypassing the type that would reword it."""
    value = [OLD] if isinstance(column.type, LocalizedTexts) else OLD
    session.execute(update(column.table).values({column: type_coerce(value, JSONB)}))


@pytest.mark.usefixtures("stored")
def test_each_column_shows_what_an_earlier_release_stored_in_norwegian(database: Database) -> None:
    with database.transaction() as session:
        shown = {
            str(column): {_in_norwegian(each) for each in session.scalars(select(column))} for column in LOCALIZED
        }
    assert len(shown) > 12
    assert shown == {column: {NORWEGIAN} for column in shown}


def _in_norwegian(stored: str | tuple[str, ...]) -> str:
    (told,) = (stored,) if isinstance(stored, str) else stored
    return translate(told, Language.NORWEGIAN)


def test_findings_and_discrepancies_of_an_operation_are_shown_in_norwegian() -> None:
    finding = Finding.from_json({"status": "bad", "message": OLD, "remedy": OLD})
    empty = {"moment_id": "1", "vouchers": [], "amount": 0, "differences": []}
    day = date(2026, 11, 1).isoformat()
    discrepancy = Discrepancy.from_json({"type": "unreadable", "number": "1", "day": day, "because": OLD, **empty})
    texts = (finding.message, finding.remedy, discrepancy.because)
    assert {translate(each, Language.NORWEGIAN) for each in texts} == {NORWEGIAN}
