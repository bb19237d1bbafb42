"""The order in which rows are locked, so that of two transactions each never waits for the other.

First the connection, then the lane, then changes in one order, and tallies last. A lock leaves the key of its row
alone, so that nobody waits who only refers to it: a new change to its connection, an attempt to its change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from models.tables import ChangeRow

if TYPE_CHECKING:
    from sqlalchemy import Select

S = TypeVar("S", bound="Select[*tuple[Any, ...]]")

ALL_BUT_THE_KEY = {"key_share": True}
"""How a row is locked that is read by its key."""

IN_ONE_ORDER = (ChangeRow.kind, ChangeRow.record_id, ChangeRow.connection_id)
"""How changes are ordered wherever more than one is locked."""


def locked(changes: S) -> S:
    """Lock the changes that a query tells, in the one order."""
    return changes.order_by(*IN_ONE_ORDER).with_for_update(of=ChangeRow, key_share=True)
