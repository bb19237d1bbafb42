"""Erasing: a company that leaves, with all that was kept of it, and a person out of all that names them.

The bookkeeping is in the two systems and stays there, and so do here ids, amounts, and that something happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB

from language.said import as_json, from_json, say
from models import files, traces, users
from models.finding import words_of
from models.locking import ALL_BUT_THE_KEY
from models.people import GrantRow, UserRow
from models.schema import TABLES
from models.tables import AttemptRow, AuditRow, ChangeRow, ConnectionRow, LaneRow, LinkRow
from models.traces import GONE, Person
from models.words import Kind, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

    from models.base import Database
    from models.traces import Trace

SLICE = 500
"""Changes that are erased in one transaction, each with its attempts."""

OURS_TO_MEND = frozenset({"name", "settings"})
"""Columns of a connection that name whom it is told about or whom it tells: somebody else must take that place."""

WHOLE_ROWS = frozenset({"users.email", "sign_ins.email", "alerts.address"})
"""Columns whose whole row is about the person that they name."""


class AtWork(Exception):
    """A worker has some of the connection's records in hand."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many texts a person was taken out of, and the traces that a person has to mend elsewhere."""

    count: int
    left: Sequence[Trace]


def connection(database: Database, connection_id: int, *, who: str, now: datetime) -> Sequence[str]:
    """Erase a connection that is paused, and tell which users see none any more.

    Raises:
        AtWork: a worker still has records in hand; nothing was erased.
    """
    with database.transaction() as session:
        held = select(LaneRow.kind).where(LaneRow.connection_id == connection_id, LaneRow.claimed_until > now)
        if session.scalar(held.limit(1)):
            raise AtWork("A worker has some of its records in hand. It is paused: try again in a few minutes.")
    while _erase_changes(database, connection_id):
        pass
    with database.transaction() as session:
        row = session.get_one(ConnectionRow, connection_id, with_for_update=ALL_BUT_THE_KEY)
        blind = session.scalars(_seeing_only(connection_id)).all()
        session.delete(row)
        _forget_name(session, row.name)
        what = say("erased connection {number} and all that was kept of it", number=connection_id)
        session.add(AuditRow(connection_id=None, at=now, who=who, what=what))
    return blind


def person(database: Database, whom: Person, *, who: str, now: datetime) -> Erased:
    """Take a person out of every text that names them, and out of all that was said about their own records.

    Raises:
        LastAdministrator: they are the last who may manage users.
    """
    count, left = 0, []
    for trace in traces.of(database, whom):
        if trace.table == "connections" and trace.column in OURS_TO_MEND:
            left.append(trace)
        else:
            _blank(database, trace, whom)
            count += 1
    with database.transaction() as session:
        what = say("erased a person from {count} texts", count=count)
        session.add(AuditRow(connection_id=None, at=now, who=who, what=what))
    return Erased(count, left)


def _erase_changes(database: Database, connection_id: int) -> int:
    with database.transaction() as session:
        some = select(ChangeRow.id).where(ChangeRow.connection_id == connection_id).limit(SLICE)
        return len(session.scalars(delete(ChangeRow).where(ChangeRow.id.in_(some)).returning(ChangeRow.id)).all())


def _forget_name(session: Session, name: str) -> None:
    """Take the name of a company out of what was done to users, which is kept without it."""
    if len(name) < traces.SHORTEST:
        return
    company = Person([name])
    for line in session.scalars(select(AuditRow).where(AuditRow.connection_id.is_(None))):
        line.what = from_json(company.blanked(as_json(line.what)))


def _seeing_only(connection_id: int) -> Select[str]:
    """Ask for the users who see this connection and no other."""
    others = exists().where(GrantRow.user_id == UserRow.id, GrantRow.connection_id != connection_id)
    seen = exists().where(GrantRow.user_id == UserRow.id, GrantRow.connection_id == connection_id)
    return select(UserRow.email).where(seen, ~others).order_by(UserRow.email)


def _blank(database: Database, trace: Trace, whom: Person) -> None:
    """Blank one column of one row, in a transaction of its own that waits for nothing else."""
    with database.transaction() as session:
        if (trace.table, trace.column) == ("users", "email"):
            users.remove(session, *trace.key)
        elif f"{trace.table}.{trace.column}" in WHOLE_ROWS:
            session.execute(delete(TABLES.tables[trace.table]).where(_is(trace)))
        elif trace.table == "changes" and trace.column in ("title", "words"):
            _rename(session, *trace.key, about=trace.column == "title")
        elif trace.column == "exchanges":
            _write(session, trace, [_silenced(each, whom) for each in trace.value])
        elif trace.table == "files":
            _write(session, trace, files.hidden(trace.value))
        else:
            _write(session, trace, whom.blanked(trace.value))


def _write(session: Session, trace: Trace, value: Any) -> None:  # noqa: ANN401 - text, or what JSON holds
    table = TABLES.tables[trace.table]
    plain = f"{trace.table}.{trace.column}" in traces.PLAIN
    written = value if plain else literal(value, JSONB)
    session.execute(update(table).where(_is(trace)).values({trace.column: written}))


def _is(trace: Trace) -> ColumnElement[bool]:
    keys = TABLES.tables[trace.table].primary_key
    return and_(*(column == value for column, value in zip(keys, trace.key, strict=True)))


def _rename(session: Session, change_id: int, *, about: bool) -> None:
    """Call a change by its record's number, and have it found by that only; blank what was said ``about`` it."""
    row = session.get_one(ChangeRow, change_id, with_for_update=ALL_BUT_THE_KEY)
    record = Record(Kind(row.kind), row.record_id)
    link = select(LinkRow.remote_id).where(
        LinkRow.connection_id == row.connection_id, LinkRow.kind == record.kind, LinkRow.moment_id == record.id
    )
    row.title = record.name if about else row.title
    row.words = words_of(row.title, record.id, session.scalar(link) or "")
    if about:
        for attempt in session.scalars(select(AttemptRow).where(AttemptRow.change_id == change_id)):
            attempt.exchanges = [_silenced(each) for each in attempt.exchanges]


def _silenced(exchange: dict[str, str], whom: Person | None = None) -> dict[str, str]:
    """Keep of a call only that it was made, where it names the person or anything is to be forgotten."""
    if whom and not whom.is_in(exchange):
        return exchange
    return {"operation": exchange["operation"], "request": GONE, "response": GONE}
