"""What a person does about a difference in the books: sends the invoice (again), or accepts it as known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from language.said import say
from models import lingering
from models.acceptances import AcceptanceRow
from models.changes import Acted
from models.tables import AuditRow, ChangeRow, LinkRow
from models.words import Kind, Lane, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from models.base import Database
    from models.words import Record


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted a difference, why, and when (UTC)."""

    fingerprint: str
    who: str
    why: str
    at: datetime


def send(  # noqa: PLR0913 - all by name
    database: Database,
    connection_id: int,
    record: Record,
    *,
    name: str,
    who: str,
    now: datetime,
    expense: str = "",
) -> Acted:
    """Have a record sent (again), also one that was closed; nothing is done while it is in a worker's hands.

    Its link is taken away, and its change is uncertain, so that the flow looks over there before it writes. Of a
    voucher's links, one for each expense, the one by this key is taken away, and none where that is empty.
    """
    key = {"connection_id": connection_id, "kind": record.kind, "record_id": record.id}
    fresh = {"state": State.WAITING, "due_at": lingering.due(now), "received_at": now, "uncertain": True}
    again = {**fresh, "revision": ChangeRow.revision + 1, "tries": 0, "lost": 0, "closed_because": ""}
    again |= {"waits_for_kind": None, "waits_for_id": None}
    put = (
        insert(ChangeRow)
        .values(**key, **{**fresh, "due_at": now})
        .on_conflict_do_update(index_elements=list(key), set_=again, where=ChangeRow.state != State.WORKING)
        .returning(ChangeRow.id)
    )
    link = delete(LinkRow).where(
        LinkRow.connection_id == connection_id,
        LinkRow.kind == record.kind,
        LinkRow.remote_id == expense if record.kind is Kind.EXPENSE else LinkRow.moment_id == record.id,
    )
    with database.transaction() as session:
        change_id = session.scalar(put)
        if change_id is None:
            return Acted(0)
        session.execute(link)
        what = say("Sent by the comparison of the books: {record}", record=name)
        session.add(AuditRow(connection_id=connection_id, change_id=change_id, at=now, who=who, what=what))
    return Acted(1, frozenset({Lane(connection_id, record.kind)}))


def accept(database: Database, connection_id: int, key: str, acceptance: Acceptance, *, name: str) -> None:
    """Note that a difference is known, as it is now; it is one again when it changes."""
    values = {
        "fingerprint": acceptance.fingerprint,
        "who": acceptance.who,
        "why": acceptance.why,
        "at": acceptance.at,
    }
    named_by = {"connection_id": connection_id, "key": key}
    put = insert(AcceptanceRow).values(**named_by, **values)
    what = say("Accepted a difference in the books: {record} ({why})", record=name, why=acceptance.why)
    with database.transaction() as session:
        session.execute(put.on_conflict_do_update(index_elements=list(named_by), set_=values))
        session.add(AuditRow(connection_id=connection_id, at=acceptance.at, who=acceptance.who, what=what))


def accepted(database: Database, connection_id: int) -> Mapping[str, Acceptance]:
    """Tell the differences of a connection that are known, by what they are about."""
    query = select(AcceptanceRow).where(AcceptanceRow.connection_id == connection_id)
    with database.transaction() as session:
        return {row.key: Acceptance(row.fingerprint, row.who, row.why, row.at) for row in session.scalars(query)}
