"""A project of Moment in our words (assumption M3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.moment.fields import Fields
from sync.records import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMEDY = "Correct the project in Moment; it then comes across by itself."


def translate(values: Mapping[str, object]) -> Project:
    """Read a project as the API gives it. Raises Rejected where the name is missing or a value does not fit."""
    fields = Fields(values, _REMEDY, record=values.get("id"))
    return Project(
        id=fields.given(fields.key, "id"),
        name=fields.given(fields.text, "name"),
        number=fields.text("projectNumber"),
        customer_id=fields.key("customerId"),
        starts=fields.day("startDate"),
        ends=fields.day("endDate"),
    )
