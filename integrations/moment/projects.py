"""Projects of Moment as our records (assumption M3)."""

from collections.abc import Mapping

from i18n.messages import msg
from integrations.moment.fields import Fields
from sync.records import Project

_REMEDY = msg("Correct the project in Moment. It then syncs automatically.")


def translate(values: Mapping[str, object]) -> Project:
    """Read a project. Raises RejectedError if the name is missing or a value is invalid."""
    fields = Fields(values, _REMEDY, record=values.get("id"))
    return Project(
        id=fields.required(fields.key, "id"),
        name=fields.required(fields.text, "name"),
        number=fields.text("projectNumber"),
        customer_id=fields.key("customerId"),
        starts=fields.day("startDate"),
        ends=fields.day("endDate"),
    )
