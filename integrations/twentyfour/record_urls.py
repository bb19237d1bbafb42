"""URLs of records in 24SevenOffice."""

from urllib.parse import quote

from models.enums import EntityType

PAGES = {
    EntityType.CUSTOMER: "customers",
    EntityType.PROJECT: "projects",
    EntityType.INVOICE: "vouchers",
    EntityType.EXPENSE: "vouchers",
}


def record_url(template: str, entity_type: EntityType, number: str, *, year: str = "") -> str:
    """Fill in the setting ``twentyfour_record_url``; ``year`` is the fiscal year of a voucher."""
    return template.format(kind=PAGES[entity_type], year=quote(year, safe=""), number=quote(number, safe=""))
