"""Which changes are meant: what a person filters a list by, ticks in it, or may see at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, true

from models.finding import holds
from models.words import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute

    from models.words import Kind, Outcome, State


@dataclass(frozen=True, slots=True)
class Wanted:
    """Changes that fulfil all that is given; what is left empty asks for nothing.

    Args:
        scope: the connections that the person sees.
        ids: the changes themselves.
        connection_id: a connection.
        kind: a kind of record.
        states: where they stand.
        outcomes: how the last attempt ended.
        reason: why, in short.
        text: beginnings of words in a name, or of numbers in either system.
        until: when they were received at the latest, in UTC.
        closed_at: the instant at which a person closed them, in UTC.
    """

    scope: Scope = field(default_factory=Scope)
    ids: frozenset[int] | None = None
    connection_id: int | None = None
    kind: Kind | None = None
    states: frozenset[State] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    reason: str = ""
    text: str = ""
    until: datetime | None = None
    closed_at: datetime | None = None

    def conditions(self, changes: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the table, or some of its rows
        """Say all of it in SQL."""
        if self.kind:
            yield changes.kind == self.kind
        yield from self.but_kind(changes)

    def but_kind(self, changes: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - the same
        """Say in SQL what is asked for besides the kind."""
        yield self.place(changes)
        if self.ids is not None:
            yield changes.id.in_(self.ids)
        if self.states:
            yield changes.state.in_(self.states)
        if self.outcomes:
            yield changes.outcome.in_(self.outcomes)
        if self.reason:
            yield changes.reason == self.reason
        if self.text:
            yield holds(changes.words, self.text)
        if self.until:
            yield changes.received_at <= self.until
        if self.closed_at:
            yield changes.settled_at == self.closed_at

    def place(self, changes: Any) -> ColumnElement[bool]:  # noqa: ANN401 - the same
        """Say in SQL at which connections."""
        seen = within(self.scope, changes.connection_id)
        return seen if self.connection_id is None else and_(seen, changes.connection_id == self.connection_id)


def within(
    scope: Scope, connection_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """Say in SQL that a connection is one that a person sees."""
    return true() if scope.connections is None else connection_id.in_(scope.connections)
