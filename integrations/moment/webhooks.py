"""Webhooks of Moment (M6). Anyone may have sent one, so only the name of its record is read."""

import json

from integrations.moment.field_labels import RESOURCES
from integrations.moment.fields import record_id
from models.enums import Record


def read(body: bytes) -> Record | None:
    """Return the record that a webhook names, None if it names none. Raises ValueError for invalid JSON."""
    try:
        webhook = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(webhook, dict):
        return None
    for entity_type in RESOURCES:
        part = webhook.get(entity_type)
        if isinstance(part, dict) and (webhook_id := record_id(part.get("id"))):
            return Record(entity_type, webhook_id)
    return None
