"""What a notification of Moment tells: where to look, never what is there.

The body is thin (the one documented is sent when an invoice is finalized; those for customers and projects are
assumption M6) and anyone may have sent it. So the key that names the record and its id are all that is read.
"""

import json

from integrations.moment.field_labels import RESOURCES
from integrations.moment.fields import record_id
from models.enums import Record


def read(body: bytes) -> Record | None:
    """Return which record a notification is about, None where it names none. Raises ValueError for no JSON."""
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
