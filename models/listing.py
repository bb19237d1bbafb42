"""The list of changes, newest first: as fast with a million rows as with ten, whatever is asked for.

Two looks make it so. The first goes through the newest rows in their order and stops when the page is full, which
is soon where what is asked for is common. What is rare is then found by an index of its own, or among the rows of
small connections, and put in order after that. PostgreSQL by itself would have to guess which of these it is, and
a wrong guess takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_, union_all

from models.paging import Page, paged
from models.tables import ChangeRow, ConnectionRow
from models.words import Kind, Outcome, Record, State, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.paging import Key
    from models.wanted import Wanted

COLUMNS = (
    ChangeRow.id,
    ChangeRow.connection_id,
    ChangeRow.kind,
    ChangeRow.received_at,
    ChangeRow.settled_at,
    ChangeRow.state,
    ChangeRow.outcome,
    ChangeRow.reason,
    ChangeRow.words,
)
"""What changes are filtered and put in order by."""

DEPTH = 20_000
"""Rows that the first look goes through at most: some ten milliseconds' worth."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change as it stands; instants in UTC. ``title`` names the record as a person does, once it was read.

    ``closed_because`` is what the person said who closed it; message and remedy are then about what it was like.
    """

    id: int
    connection_id: int
    connection: str
    record: Record
    state: State
    title: str
    outcome: Outcome | None
    reason: str
    message: str
    remedy: str
    closed_because: str
    tries: int
    due_at: datetime
    received_at: datetime
    settled_at: datetime | None


def page(database: Database, wanted: Wanted, *, key: Key | None = None) -> Page[ChangeView]:
    """Tell a page of the changes that are wanted."""
    with database.transaction() as session:

        def fetch(key: Key | None, most: int) -> Sequence[ChangeView]:
            return views(session, _ids(session, wanted, key, most=most), ascending=bool(key and key.newer))

        return paged(fetch, key=key, at=lambda view: (view.received_at, view.id))


def latest(database: Database, wanted: Wanted, *, most: int = 100) -> Sequence[ChangeView]:
    """Tell so many of the changes that are wanted."""
    with database.transaction() as session:
        return views(session, _ids(session, wanted, None, most=most))


def views(session: Session, ids: Sequence[int], *, ascending: bool = False) -> Sequence[ChangeView]:
    """Read changes by their ids, the latest received first unless ``ascending``."""
    query = select(ChangeRow, ConnectionRow.name).join(ConnectionRow, ConnectionRow.id == ChangeRow.connection_id)
    query = query.where(ChangeRow.id.in_(ids)).order_by(*_order(ChangeRow, ascending=ascending))
    return [_view(row, name) for row, name in session.execute(query)]


def _ids(session: Session, wanted: Wanted, key: Key | None, *, most: int) -> Sequence[int]:
    found = session.scalars(_near(wanted, key).limit(most)).all()
    if len(found) == most:
        return found
    few = wanted.text and (session.scalar(_number_in_place(wanted, key)) or 0) <= DEPTH
    return session.scalars((_in_place if few else _anywhere)(wanted, key).limit(most)).all()


def _near(wanted: Wanted, key: Key | None) -> Select[int]:
    """Look through the newest rows, or those nearest to the key, in the order of an index."""
    ascending = bool(key and key.newer)
    order = _order(ChangeRow, ascending=ascending)
    lanes = [
        select(*COLUMNS)
        .where(ChangeRow.kind == kind, *_only_connection(wanted), *_beyond(key))
        .order_by(*order)
        .limit(DEPTH)
        for kind in ([wanted.kind] if wanted.kind else Kind)
    ]
    every = union_all(*lanes).subquery()
    nearest = select(every).order_by(*_order(every.c, ascending=ascending)).limit(DEPTH).subquery().c
    return select(nearest.id).where(*wanted.but_kind(nearest)).order_by(*_order(nearest, ascending=ascending))


def _number_in_place(wanted: Wanted, key: Key | None) -> Select[int]:
    """Count the rows of the connections that are seen, as far as it matters."""
    rows = select(ChangeRow.id).where(wanted.place(ChangeRow), *_beyond(key)).limit(DEPTH + 1).subquery()
    return select(func.count()).select_from(rows)


def _in_place(wanted: Wanted, key: Key | None) -> Select[int]:
    """Go through all rows of the connections that are seen, where they are few."""
    rows = select(*COLUMNS).where(wanted.place(ChangeRow), *_beyond(key)).cte().prefix_with("MATERIALIZED").c
    return (
        select(rows.id).where(*wanted.conditions(rows)).order_by(*_order(rows, ascending=bool(key and key.newer)))
    )


def _anywhere(wanted: Wanted, key: Key | None) -> Select[int]:
    """Gather all that is wanted by what is rare about it, then put it in order."""
    gathered = select(ChangeRow.id, ChangeRow.received_at).where(*_beyond(key))
    few = wanted.reason or (wanted.states and State.SETTLED not in wanted.states)
    if wanted.text and not few:  # each kind has an index of its own of the words
        kinds = [wanted.kind] if wanted.kind else Kind
        of_kinds = [gathered.where(ChangeRow.kind == kind, *wanted.but_kind(ChangeRow)) for kind in kinds]
        found = union_all(*of_kinds).cte()
    else:
        found = gathered.where(*wanted.conditions(ChangeRow)).cte()
    found = found.prefix_with("MATERIALIZED")
    return select(found.c.id).order_by(*_order(found.c, ascending=bool(key and key.newer)))


def _only_connection(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Where there is but one connection, its rows have an index of their own."""
    scope = wanted.scope.connections
    only = [wanted.connection_id] if wanted.connection_id is not None else list(scope or ())
    if len(only) == 1:
        yield ChangeRow.connection_id == only[0]


def _beyond(key: Key | None) -> Iterator[ColumnElement[bool]]:
    if key:
        place, there = tuple_(ChangeRow.received_at, ChangeRow.id), (key.at, key.id)
        yield place > there if key.newer else place < there


def _order(rows: Any, *, ascending: bool) -> tuple[ColumnElement[Any], ...]:  # noqa: ANN401 - the table, or some of its rows
    order = (rows.received_at, rows.id)
    return order if ascending else tuple(column.desc() for column in order)


def _view(row: ChangeRow, connection: str) -> ChangeView:
    return ChangeView(
        id=row.id,
        connection_id=row.connection_id,
        connection=connection,
        record=Record(Kind(row.kind), row.record_id),
        state=State(row.state),
        title=row.title or named(Kind(row.kind), row.record_id),
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        message=row.message,
        remedy=row.remedy,
        closed_because=row.closed_because,
        tries=row.tries,
        due_at=row.due_at,
        received_at=row.received_at,
        settled_at=row.settled_at,
    )
