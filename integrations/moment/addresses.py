"""Where a person opens a record in Moment (assumption M12)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from integrations.moment.words import EXPENSES, RESOURCES
from models.words import Kind

if TYPE_CHECKING:
    from models.words import Record

PAGES = {**RESOURCES, Kind.EXPENSE: EXPENSES}


def record_address(template: str, company: str, record: Record) -> str:
    """Fill in the setting ``moment_record_url``; an expense goes by its own id in Moment."""
    return template.format(company=quote(company, safe=""), kind=PAGES[record.kind], id=quote(record.id, safe=""))
