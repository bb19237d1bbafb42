"""The order in which rows are locked, so that of two transactions each never waits for the other.

First the connection, then the lane, then changes in one order, and tallies last. A lock leaves the key of its row
alone, so that nobody waits who only refers to it: a new change to its connection, an attempt to its change.
"""

from typing import Any, TypeVar

from sqlalchemy import Select

from models.schema.tables import SyncJobRow

S = TypeVar("S", bound="Select[*tuple[Any, ...]]")

FOR_NO_KEY_UPDATE = {"key_share": True}
"""How a row is locked that is read by its key."""

LOCK_ORDER = (SyncJobRow.entity_type, SyncJobRow.record_id, SyncJobRow.connection_id)
"""How changes are ordered wherever more than one is locked."""


def locked(jobs: S) -> S:
    """Lock the changes that a query tells, in the one order."""
    return jobs.order_by(*LOCK_ORDER).with_for_update(of=SyncJobRow, key_share=True)
