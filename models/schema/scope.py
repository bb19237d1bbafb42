"""SQL conditions on the connections that a user sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import true

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute

    from models.enums import Scope


def within(
    scope: Scope, connection_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """Say in SQL that a connection is one that a person sees."""
    return true() if scope.connections is None else connection_id.in_(scope.connections)
