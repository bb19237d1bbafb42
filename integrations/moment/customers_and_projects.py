"""Customers and projects of Moment as our records (assumptions M2, M3 and M20)."""

from collections.abc import Iterator, Mapping

from i18n.messages import msg
from integrations.moment.field_labels import ADDRESSES, PERSON
from integrations.moment.fields import Fields
from sync.records import Address, Customer, Project
from sync.rules.normalization import clean, country_code
from sync.rules.organization_numbers import is_norwegian

MAX_LENGTH = 1000
MAX_NUMBER = 10**20


def customer_of(values: Mapping[str, object]) -> Customer:
    """Read a customer. Raises RejectedError if the name is missing or a value is invalid."""
    remedy = msg("Correct the customer in Moment. It then syncs automatically.")
    fields = Fields(values, remedy, record=values.get("id"))
    return Customer(
        id=fields.required(fields.key, "id"),
        name=fields.required(fields.text, "name"),
        number=fields.text("customerNumber"),
        organization_number=fields.text("organizationNumber"),
        email=_text(values, "email"),
        invoice_email=_text(values, "invoiceEmail"),
        is_company=fields.text("customerType") != PERSON if fields.text("customerType") else None,
        country=fields.text("countryCode"),
        phone=_text(values, "phone"),
        addresses=tuple(_addresses(values.get("addresses"))),
    )


def project_of(values: Mapping[str, object]) -> Project:
    """Read a project. Raises RejectedError if the name is missing or a value is invalid."""
    remedy = msg("Correct the project in Moment. It then syncs automatically.")
    fields = Fields(values, remedy, record=values.get("id"))
    return Project(
        id=fields.required(fields.key, "id"),
        name=fields.required(fields.text, "name"),
        number=fields.text("projectNumber"),
        customer_id=fields.key("customerId"),
        starts=fields.day("startDate"),
        ends=fields.day("endDate"),
    )


def _addresses(rows: object) -> Iterator[Address]:
    """Read addresses as far as possible: an unexpected form (assumption M9) must not stop the customer."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and any(_text(row, name) for name in ("street", "postalCode", "city")):
            country = country_code(_text(row, "countryCode"))
            # As a number, a Norwegian four-digit code has lost its leading zeros.
            digits = 4 if isinstance(row.get("postalCode"), int) and is_norwegian(country) else 0
            yield Address(
                use=ADDRESSES.get(_text(row, "type"), "post"),
                street=_text(row, "street"),
                postal_code=_text(row, "postalCode").zfill(digits),
                city=_text(row, "city"),
                country=country,
            )


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < MAX_NUMBER else ""
    return clean(value, max_length=MAX_LENGTH) if isinstance(value, str) else ""
