"""Where a person opens a record in Moment (assumption M12)."""

from urllib.parse import quote

from integrations.moment.field_labels import EXPENSES, RESOURCES
from models.enums import EntityType, Record

PAGES = {**RESOURCES, EntityType.EXPENSE: EXPENSES}


def record_url(template: str, company: str, record: Record) -> str:
    """Fill in the setting ``moment_record_url``; an expense goes by its own id in Moment."""
    return template.format(
        company=quote(company, safe=""), kind=PAGES[record.entity_type], id=quote(record.id, safe="")
    )
