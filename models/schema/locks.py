"""The order in which rows are locked, so that transactions do not deadlock.

First the connection, then the lane, then jobs in one order, and statistics last. The locks allow references to a
row's key, so that rows that only refer to it do not wait: a new job for its connection, an attempt for its job.
"""

from typing import Any, TypeVar

from sqlalchemy import Select

from models.schema.tables import SyncJobRow

S = TypeVar("S", bound="Select[*tuple[Any, ...]]")

FOR_NO_KEY_UPDATE = {"key_share": True}
"""The lock on a row that is read by its key."""

LOCK_ORDER = (SyncJobRow.entity_type, SyncJobRow.record_id, SyncJobRow.connection_id)
"""The order in which several jobs are locked."""


def locked(jobs: S) -> S:
    """Lock the jobs of a query in the common order."""
    return jobs.order_by(*LOCK_ORDER).with_for_update(of=SyncJobRow, key_share=True)
