"""What the overview shows: what needs a person, and how the connections stand, the troubled ones first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from models.tables import ChangeRow, ConnectionRow, LaneRow
from models.wanted import within
from models.words import Kind, Outcome, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.words import Scope

SIZE = 50
"""Connections of a page."""

IN_HAND = (State.WAITING, State.WORKING)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection stands; instants in UTC.

    It is paused where ``paused_because`` says why. Where ``rests_since`` is told, its systems have not answered
    since then or there were no requests for it, and ``problem`` is what was last said of that. ``waits`` and
    ``stuck`` count changes on their way and those that need a person; ``synced`` tells of each kind when one came
    across last.
    """

    id: int
    name: str
    paused_because: str
    rests_since: datetime | None
    waits: int
    stuck: int
    problem: str = ""
    synced: Mapping[Kind, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """How many changes need a person for one reason."""

    reason: str
    changes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many connections there are, and how many changes wait and need a person.

    Of the connections some are paused, some rest as their systems are ``down``, some as requests are ``short``.
    """

    connections: int
    paused: int
    down: int
    short: int
    waits: int
    stuck: int


def totals(database: Database, scope: Scope) -> Totals:
    """Count what there is."""
    count, paused, rests = func.count(), ConnectionRow.paused_because != "", ConnectionRow.rests_until.is_not(None)
    short = ConnectionRow.short_since.is_not(None)
    kinds = (count.filter(paused), count.filter(rests, ~paused, ~short), count.filter(rests, ~paused, short))
    connections = select(count, *kinds)
    changes = select(ChangeRow.state, count.label("number")).where(ChangeRow.state.in_([*IN_HAND, State.STUCK]))
    changes = changes.where(within(scope, ChangeRow.connection_id)).group_by(ChangeRow.state)
    with database.transaction() as session:
        there = session.execute(connections.where(within(scope, ConnectionRow.id))).one()
        states = {row.state: row.number for row in session.execute(changes)}
    return Totals(*there, waits=sum(states.get(each, 0) for each in IN_HAND), stuck=states.get(State.STUCK, 0))


def troubles(database: Database, scope: Scope) -> Sequence[Trouble]:
    """Tell for which reasons changes need a person, the most frequent first."""
    number = func.count()
    query = (
        select(ChangeRow.reason, number)
        .where(ChangeRow.state == State.STUCK, within(scope, ChangeRow.connection_id))
        .group_by(ChangeRow.reason)
        .order_by(number.desc(), ChangeRow.reason)
    )
    with database.transaction() as session:
        return [Trouble(*row) for row in session.execute(query)]


def standings(database: Database, scope: Scope, *, name: str = "", page: int = 1) -> Sequence[Standing]:
    """Tell a page of the connections whose name holds a text, and one more where there is another page."""
    query = _standings(scope, name).offset((page - 1) * SIZE).limit(SIZE + 1)
    with database.transaction() as session:
        rows = session.execute(query).all()
        synced = _synced(session, [row.id for row in rows])
        problems = _problems(session, [row.id for row in rows if row.rests_since])
    return [Standing(*row[:6], problem=problems.get(row.id, ""), synced=synced.get(row.id, {})) for row in rows]


def _standings(scope: Scope, name: str) -> Select[int, str, str, datetime | None, int, int]:
    """Paused ones first, then what needs a person, then what rests, each by name."""
    of_state = func.count().filter
    counts = (
        select(
            ChangeRow.connection_id,
            of_state(ChangeRow.state.in_(IN_HAND)).label("waits"),
            of_state(ChangeRow.state == State.STUCK).label("stuck"),
        )
        .where(ChangeRow.state.in_([*IN_HAND, State.STUCK]), within(scope, ChangeRow.connection_id))
        .group_by(ChangeRow.connection_id)
        .subquery()
    )
    waits, stuck = (func.coalesce(column, 0) for column in (counts.c.waits, counts.c.stuck))
    rests = ConnectionRow.rests_until.is_not(None)
    trouble = case((ConnectionRow.paused_because != "", 0), (stuck > 0, 1), (rests, 2), else_=3)
    since = case((rests, func.coalesce(ConnectionRow.short_since, ConnectionRow.down_since)))
    shown = select(
        ConnectionRow.id,
        ConnectionRow.name,
        ConnectionRow.paused_because,
        since.label("rests_since"),
        waits,
        stuck,
    )
    shown = shown.outerjoin(counts, counts.c.connection_id == ConnectionRow.id)
    shown = shown.where(within(scope, ConnectionRow.id), ConnectionRow.name.icontains(name, autoescape=True))
    return shown.order_by(trouble, func.lower(ConnectionRow.name), ConnectionRow.id)


def _synced(session: Session, ids: Iterable[int]) -> dict[int, dict[Kind, datetime]]:
    query = select(LaneRow.connection_id, LaneRow.kind, LaneRow.synced_at)
    found: dict[int, dict[Kind, datetime]] = {}
    for row in session.execute(query.where(LaneRow.connection_id.in_(ids), LaneRow.synced_at.is_not(None))):
        found.setdefault(row.connection_id, {})[Kind(row.kind)] = row.synced_at
    return found


def _problems(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Tell what the systems of connections that rest were last heard to say."""
    query = (
        select(ChangeRow.connection_id, ChangeRow.message)
        .where(ChangeRow.connection_id.in_(ids), ChangeRow.state == State.WAITING)
        .where(ChangeRow.outcome == Outcome.FAILED, ChangeRow.waits_for_kind.is_(None))
        .ext(distinct_on(ChangeRow.connection_id))
        .order_by(ChangeRow.connection_id, ChangeRow.settled_at.desc())
    )
    return {row.connection_id: row.message for row in session.execute(query)}


def called(database: Database, scope: Scope, name: str) -> frozenset[int]:
    """Find the connection with this name, whatever its case, else those whose name holds the text."""
    query = select(ConnectionRow.id).where(within(scope, ConnectionRow.id))
    exact = query.where(func.lower(ConnectionRow.name) == name.lower())
    partly = query.where(ConnectionRow.name.icontains(name, autoescape=True))
    with database.transaction() as session:
        return frozenset(session.scalars(exact)) or frozenset(session.scalars(partly))
