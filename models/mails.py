"""The mails as a person sees them: what was sent to whom and when, what became of it, and what waits.

A mail is the alerts of an address that ended in the same instant, or that wait.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_

from models.alerts import Fate, Turn
from models.paging import Page, paged
from models.tables import AlertRow, ConnectionRow
from models.wanted import within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row, Select
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.paging import Key
    from models.words import Scope

SHOWN = 10
"""What is shown of one mail; the rest is counted."""

WAITING = 100
"""Mails that wait and are shown at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told in a mail; ``change_id`` is None where it is about the connection."""

    turn: Turn
    title: str
    connection_id: int
    connection: str
    change_id: int | None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to an address: with its ``fate`` it ended ``at`` that instant (UTC), without one it waits since then.

    ``count`` is how many things it tells of that the reader may see, of which ``told`` are the first.
    """

    id: int
    at: datetime
    address: str
    fate: Fate | None
    count: int
    told: Sequence[Told]


def page(database: Database, scope: Scope, *, key: Key | None = None) -> Page[Mail]:
    """Tell a page of the mails that have ended."""
    with database.transaction() as session:

        def fetch(key: Key | None, most: int) -> Sequence[Mail]:
            return _read(session, _ended(scope, key).limit(most), scope)

        return paged(fetch, key=key, at=lambda mail: (mail.at, mail.id))


def waiting(database: Database, scope: Scope) -> Sequence[Mail]:
    """Tell the mails that wait, the oldest first."""
    query = _mails(scope).where(AlertRow.ended_at.is_(None)).order_by(func.min(AlertRow.created_at))
    with database.transaction() as session:
        return _read(session, query.limit(WAITING), scope)


def of_change(database: Database, change_id: int) -> Sequence[Mail]:
    """Tell the mails that told of a change, the latest first."""
    query = _alerts().where(AlertRow.change_id == change_id).order_by(AlertRow.id.desc())
    with database.transaction() as session:
        return [_mail(row, [_told(row)]) for row in session.execute(query)]


def _mails(scope: Scope) -> Select[*tuple[Any, ...]]:
    query = select(
        func.max(AlertRow.id).label("id"),
        func.min(AlertRow.created_at).label("created_at"),
        AlertRow.ended_at,
        AlertRow.address,
        AlertRow.fate,
        func.count().label("number"),
    )
    together = (AlertRow.ended_at, AlertRow.address, AlertRow.fate)
    return query.where(within(scope, AlertRow.connection_id)).group_by(*together)


def _ended(scope: Scope, key: Key | None) -> Select[*tuple[Any, ...]]:
    """Tell the mails that follow a key, the nearest to it first."""
    ended, place = AlertRow.ended_at, (AlertRow.ended_at, func.max(AlertRow.id))
    backwards = tuple(column.desc() for column in place)
    query = _mails(scope).where(ended.is_not(None))
    if key is None:
        return query.order_by(*backwards)
    there = (key.at, key.id)
    if key.newer:
        return query.where(ended >= key.at).having(tuple_(*place) > there).order_by(*place)
    return query.where(ended <= key.at).having(tuple_(*place) < there).order_by(*backwards)


def _read(session: Session, query: Select[*tuple[Any, ...]], scope: Scope) -> Sequence[Mail]:
    """Read mails, each with the first of what it tells of."""
    rows = session.execute(query).all()
    ends = {row.ended_at for row in rows if row.ended_at}
    in_them = AlertRow.ended_at.in_(ends) if ends else AlertRow.ended_at.is_(None)
    place = func.row_number().over(
        partition_by=(AlertRow.ended_at, AlertRow.address, AlertRow.fate), order_by=AlertRow.id
    )
    first = (
        select(AlertRow.id, place.label("place")).where(in_them, within(scope, AlertRow.connection_id)).subquery()
    )
    shown = _alerts().join(first, first.c.id == AlertRow.id).where(first.c.place <= SHOWN).order_by(AlertRow.id)
    told: dict[Any, list[Told]] = defaultdict(list)
    for alert in session.execute(shown):
        told[alert.ended_at, alert.address, alert.fate].append(_told(alert))
    return [_mail(row, told[row.ended_at, row.address, row.fate], count=row.number) for row in rows]


def _alerts() -> Select[*tuple[Any, ...]]:
    return select(*AlertRow.__table__.c, ConnectionRow.name.label("connection")).join(
        ConnectionRow, ConnectionRow.id == AlertRow.connection_id
    )


def _told(alert: Row[Any]) -> Told:
    return Told(Turn(alert.turn), alert.title, alert.connection_id, alert.connection, alert.change_id)


def _mail(row: Row[Any], told: Sequence[Told], *, count: int = 1) -> Mail:
    fate = Fate(row.fate) if row.fate else None
    return Mail(row.id, row.ended_at or row.created_at, row.address, fate, count, told)
