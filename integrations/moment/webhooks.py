"""Webhooks of Moment, from which only the name of a record is read.

The body is small (Moment documents the webhook of a finalized invoice; those of customers and projects are
assumption M6), and anyone may have sent it. So only the key that names the record and its id are read.
"""

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
