"""URLs of records in Moment."""

from urllib.parse import quote

from integrations.moment.field_labels import EXPENSES, RESOURCES
from models.enums import EntityType, Record


def record_url(template: str, company: str, record: Record) -> str:
    """Fill in the setting ``moment_record_url`` (assumption M12). The id of an expense is its own in Moment."""
    pages = {**RESOURCES, EntityType.EXPENSE: EXPENSES}
    return template.format(
        company=quote(company, safe=""), kind=pages[record.entity_type], id=quote(record.id, safe="")
    )


def project_url(template: str, company: str, number: int) -> str:
    """Fill in the setting ``moment_project_url`` (assumption M12)."""
    return template.format(company=quote(company, safe=""), number=number)
