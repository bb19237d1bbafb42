"""One change as a person sees it, with all its attempts, and what a person may do about some or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, insert, select, update

from language.said import Said, say
from models import lingering
from models.listing import views
from models.locking import locked
from models.paging import Page, following, paged
from models.tables import AttemptRow, AuditRow, ChangeRow
from models.words import Kind, Lane, Outcome, State, named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from models.base import Database
    from models.listing import ChangeView
    from models.paging import Key
    from models.wanted import Wanted
    from models.words import Record

UNSEEN = "unseen_draft"
"""Reason of a change that may be in the journal, where only a person can look: they have, when they retry it."""

ATTEMPTS = 20
"""Attempts on a page; each may hold many long exchanges."""

HANDLED = say("Handled by hand")
UNWANTED = say("Do not transfer")
"""What people say when they close a change."""

OPEN = frozenset({State.WAITING, State.STUCK})
"""States of what a person may close; anything but what is in a worker's hands may be tried again."""

FOR_NOTHING = {"waits_for_kind": None, "waits_for_id": None}
"""A person's word ends the wait for another record: a link that comes later does not undo it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when (UTC), how long in seconds, how it ended, and each call: operation, request and response."""

    id: int
    at: datetime
    seconds: float
    outcome: Outcome
    reason: str
    message: str
    exchanges: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did about a change, and when (UTC)."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Acted:
    """How many changes something was done about, and the lanes that have something to do after it."""

    count: int
    lanes: frozenset[Lane] = frozenset()


def find(database: Database, connection_id: int, record: Record) -> ChangeView | None:
    """Find the change of a record."""
    return _one(
        database,
        ChangeRow.connection_id == connection_id,
        ChangeRow.kind == record.kind,
        ChangeRow.record_id == record.id,
    )


def show(database: Database, change_id: int) -> ChangeView | None:
    """Read one change."""
    return _one(database, ChangeRow.id == change_id)


def name_of(database: Database, connection_id: int, record: Record) -> str:
    """Tell the name of a record without what kind it is, "" where nobody has read it."""
    query = select(ChangeRow.title).where(
        ChangeRow.connection_id == connection_id, ChangeRow.kind == record.kind, ChangeRow.record_id == record.id
    )
    with database.statement() as connection:
        title = connection.scalar(query) or ""
    return str(title.values.get("name", title)) if isinstance(title, Said) else title


def attempts(database: Database, change_id: int) -> Sequence[Attempt]:
    """Read all attempts of a change, oldest first."""
    query = select(AttemptRow).where(AttemptRow.change_id == change_id).order_by(AttemptRow.id)
    with database.transaction() as session:
        return [_attempt(row) for row in session.scalars(query)]


def attempts_page(database: Database, change_id: int, *, key: Key | None) -> Page[Attempt]:
    """Tell a page of the attempts of a change, the latest first."""
    order = (AttemptRow.at, AttemptRow.id)
    query = select(AttemptRow).where(AttemptRow.change_id == change_id)
    with database.transaction() as session:

        def fetch(key: Key | None, most: int) -> Sequence[Attempt]:
            lines = session.scalars(following(query, order, key=key).limit(most))
            return [_attempt(row) for row in lines]

        return paged(fetch, key=key, at=lambda attempt: (attempt.at, attempt.id), size=ATTEMPTS)


def deeds(database: Database, change_id: int) -> Sequence[Deed]:
    """Tell what people did about a change, the latest first."""
    query = select(AuditRow).where(AuditRow.change_id == change_id).order_by(AuditRow.id.desc())
    with database.transaction() as session:
        return [Deed(row.at, row.who, row.what) for row in session.scalars(query)]


def count(database: Database, wanted: Wanted) -> int:
    """Tell how many changes are wanted; for what a person may do something about, which is never most of them."""
    query = select(func.count()).select_from(ChangeRow).where(*wanted.conditions(ChangeRow))
    with database.transaction() as session:
        return session.scalar(query) or 0


def retry(database: Database, wanted: Wanted, *, who: str, now: datetime) -> Acted:
    """Make changes due, also those that were closed; those in a worker's hands stay as they are.

    One whose last call may still be at work is due when that has ended, a minute after it was given up.
    """
    looked = ChangeRow.reason == UNSEEN
    due_at, uncertain = (
        case((looked, now), else_=lingering.due(now)),
        case((looked, False), else_=ChangeRow.uncertain),
    )
    fresh = {"state": State.WAITING, "due_at": due_at, "tries": 0, "lost": 0, "closed_because": ""}
    deed = Deed(now, who, say("Try again"))
    return _act(
        database, wanted, set(State) - {State.WORKING}, deed, {**fresh, **FOR_NOTHING, "uncertain": uncertain}
    )


def close(database: Database, wanted: Wanted, *, because: str, who: str, now: datetime) -> Acted:
    """Take changes off the list by a person's word: they stay as they are, whatever is received.

    Args:
        database: where they are.
        wanted: which; of these, those that wait or need a person.
        because: what the person says of them, such as "do not transfer" or "handled by hand".
        who: the person.
        now: the instant, in UTC, by which they can be opened again together.
    """
    told = say("{because} ({who})", because=because, who=who)
    closed = {"state": State.CLOSED, "closed_because": told, "settled_at": now, **FOR_NOTHING}
    return _act(database, wanted, OPEN, Deed(now, who, because), closed)


def reopen(database: Database, wanted: Wanted, *, who: str, now: datetime) -> Acted:
    """Put closed changes back to where they stood: needing a person, or waiting.

    What somebody may have done by hand meanwhile is looked for before it is sent.
    """
    stood = case((ChangeRow.stuck_since.is_not(None), State.STUCK), else_=State.WAITING)
    opened = {"state": stood, "due_at": lingering.due(now), "closed_because": "", "uncertain": True, **FOR_NOTHING}
    return _act(database, wanted, {State.CLOSED}, Deed(now, who, say("Opened again")), opened)


def _act(
    database: Database, wanted: Wanted, states: Collection[State], deed: Deed, values: Mapping[str, Any]
) -> Acted:
    """Change what is wanted and in one of these states, and write down who did it to which record."""
    named_by = (ChangeRow.id, ChangeRow.connection_id, ChangeRow.kind, ChangeRow.record_id, ChangeRow.title)
    meant = select(*named_by).where(*wanted.conditions(ChangeRow), ChangeRow.state.in_(states))
    with database.transaction() as session:
        rows = session.execute(locked(meant)).all()
        session.execute(update(ChangeRow).where(ChangeRow.id.in_([row.id for row in rows])).values(**values))
        told = [
            {
                "connection_id": row.connection_id,
                "change_id": row.id,
                "at": deed.at,
                "who": deed.who,
                "what": say(
                    "{deed}: {record}", deed=deed.what, record=row.title or named(row.kind, row.record_id)
                ),
            }
            for row in rows
        ]
        if told:
            session.execute(insert(AuditRow), told)
    return Acted(len(rows), frozenset(Lane(row.connection_id, Kind(row.kind)) for row in rows))


def _one(database: Database, *conditions: ColumnElement[bool]) -> ChangeView | None:
    with database.transaction() as session:
        return next(iter(views(session, session.scalars(select(ChangeRow.id).where(*conditions)).all())), None)


def _attempt(row: AttemptRow) -> Attempt:
    outcome = Outcome(row.outcome)
    return Attempt(row.id, row.at, row.seconds, outcome, row.reason, row.message, row.exchanges)
