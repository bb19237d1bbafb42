"""How the installation as a whole stands, in numbers, for those who watch it: a few cheap statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, select

from models import breaker, overview
from models.tables import AlertRow, ChangeRow, ConnectionRow
from models.words import Kind, Scope, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from models.base import Database

UNFINISHED = (State.WAITING, State.WORKING, State.STUCK)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is read of PostgreSQL; ages in seconds, 0 where there is nothing.

    ``changes`` are those not finished, by kind and state, and ``oldest`` tells how long ago the first of those on
    their way was received. ``overdue`` tells how long the first of those that are due, of connections that work,
    has been so. ``alerts`` have not been sent, the first of them for ``alerts_seconds``.
    """

    totals: overview.Totals
    changes: Mapping[tuple[Kind, State], int]
    oldest: Mapping[Kind, float]
    overdue: Mapping[Kind, float]
    alerts: int
    alerts_seconds: float


def read(database: Database, *, now: datetime) -> Gauges:
    """Read them all."""
    totals = overview.totals(database, Scope())
    with database.transaction() as session:
        counted = _counted(session)
        alerts, first = session.execute(
            select(func.count(), func.min(AlertRow.created_at)).where(AlertRow.ended_at.is_(None))
        ).one()
        overdue = _overdue(session, now=now)
    received = {key: at for key, (_, at) in counted.items() if key[1] is not State.STUCK}
    return Gauges(
        totals,
        changes={(kind, state): counted.get((kind, state), (0, now))[0] for kind in Kind for state in UNFINISHED},
        oldest={
            kind: _age(min((at for (its, _), at in received.items() if its is kind), default=None), now=now)
            for kind in Kind
        },
        overdue={kind: _age(overdue.get(kind), now=now) for kind in Kind},
        alerts=alerts,
        alerts_seconds=_age(first, now=now),
    )


def _counted(session: Session) -> dict[tuple[Kind, State], tuple[int, datetime]]:
    """Count what is not finished, and tell when the first of it was received."""
    query = (
        select(ChangeRow.kind, ChangeRow.state, func.count(), func.min(ChangeRow.received_at))
        .where(ChangeRow.state.in_(UNFINISHED))
        .group_by(ChangeRow.kind, ChangeRow.state)
    )
    return {(Kind(kind), State(state)): (number, first) for kind, state, number, first in session.execute(query)}


def _overdue(session: Session, *, now: datetime) -> dict[Kind, datetime]:
    """Tell since when the first change of each kind has been due that nothing holds up but us."""
    query = (
        select(ChangeRow.kind, func.min(ChangeRow.due_at))
        .join(ConnectionRow, and_(ConnectionRow.id == ChangeRow.connection_id, breaker.works(now)))
        .where(ChangeRow.state == State.WAITING, ChangeRow.due_at <= now)
        .group_by(ChangeRow.kind)
    )
    return {Kind(kind): first for kind, first in session.execute(query)}


def _age(instant: datetime | None, *, now: datetime) -> float:
    return max((now - instant).total_seconds(), 0) if instant else 0
