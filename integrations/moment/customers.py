"""A customer of Moment in our words (assumption M2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.moment.fields import Fields
from integrations.moment.words import PERSON
from language.said import say
from sync.records import Customer

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMEDY = say("Correct the customer in Moment; it then comes across by itself.")


def translate(values: Mapping[str, object]) -> Customer:
    """Read a customer as the API gives it. Raises Rejected where the name is missing or a value does not fit."""
    fields = Fields(values, _REMEDY, record=values.get("id"))
    return Customer(
        id=fields.given(fields.key, "id"),
        name=fields.given(fields.text, "name"),
        number=fields.text("customerNumber"),
        organization_number=fields.text("organizationNumber"),
        email=fields.text("email"),
        invoice_email=fields.text("invoiceEmail"),
        is_company=fields.text("customerType") != PERSON,
        country=fields.text("countryCode"),
    )
