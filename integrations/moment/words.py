"""Moment's own words in one table (assumption M7), and the names that a reader is told."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from models.words import Kind
from sync.records import Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping

# The record that needs the others stands first.
RESOURCES: Mapping[Kind, str] = MappingProxyType(
    {Kind.INVOICE: "invoices", Kind.PROJECT: "projects", Kind.CUSTOMER: "customers"}
)

EXPENSES = "projectExpenses"
ACTIVITIES = "projectExtensions"

# An invoice in any other state may still change, hence is none yet.
FINALIZED = "finalized"

# A customer is a company unless Moment calls it a person.
PERSON = "person"

# An activity takes expenses unless it is closed.
CLOSED = "closed"

# An expense must be accepted before it can be invoiced.
ACCEPTED = "accepted"

# A word that is missing or unknown here decides nothing by itself: see Fields.word.
CREDIT_NOTE: Mapping[str, bool] = MappingProxyType({"invoice": False, "creditNote": True})
TRANSFER: Mapping[str, Transfer] = MappingProxyType(
    {"toTransfer": Transfer.WANTED, "transferred": Transfer.DONE, "doNotTransfer": Transfer.UNWANTED}
)


def spoken(name: str) -> str:
    """Tell a name of Moment's API as words: ``dueDate`` is "due date"."""
    if name == ACTIVITIES:
        return "activities"  # what Moment's users call them
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
