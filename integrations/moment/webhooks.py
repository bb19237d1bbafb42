"""Webhooks of Moment: only the record that they name is used, nothing else in them is trusted.

The body is thin (the documented one is sent when an invoice is finalized; those for customers and projects are
assumption M6), and anyone may have sent it. So only the key that names the record and its id are read.
"""

import json

from integrations.moment.field_labels import RESOURCES
from integrations.moment.fields import record_id
from models.enums import Record


def read(body: bytes) -> Record | None:
    """Return the record that a webhook names, None if it names none. Raises ValueError for invalid JSON."""
    try:
        notification = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(notification, dict):
        return None
    for entity_type in RESOURCES:
        part = notification.get(entity_type)
        if isinstance(part, dict) and (named := record_id(part.get("id"))):
            return Record(entity_type, named)
    return None
