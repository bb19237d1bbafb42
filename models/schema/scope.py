"""SQL conditions on the connections that a user sees."""

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from models.enums import Scope


def within(
    scope: Scope, connection_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """Say in SQL that a connection is one that a person sees."""
    return true() if scope.connections is None else connection_id.in_(scope.connections)
